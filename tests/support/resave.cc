// resave: loads checkpoints and saves what they hold, for comparison by the real torch.
//
// usage: resave FILE COPY [FILE COPY]...

#include <iostream>

#include "loader/torch/load.h"
#include "loader/torch/save.h"

int main(int count, char** arguments) {
  if (count < 3 || count % 2 == 0) {
    std::cerr << "usage: resave FILE COPY [FILE COPY]...\n";
    return 2;
  }
  int status = 0;
  for (int i = 1; i < count; i += 2) {
    const auto checkpoint = hardload::load(arguments[i]);
    const auto saved = checkpoint.ok() ? hardload::save(*checkpoint, arguments[i + 1])
                                       : hardload::Result<void>(checkpoint.error());
    if (saved.ok()) continue;
    std::cerr << arguments[i] << ": " << saved.error().display() << '\n';
    status = 1;
  }
  return status;
}
