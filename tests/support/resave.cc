// resave: loads checkpoints and saves what they hold, for comparison by the real torch.
//
// usage: resave FILE COPY [FILE COPY]...
//
// Each file is loaded in each way in which bytes can come: from the page cache, past it, and
// mapped. What is saved has to be the same.

#include <iostream>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "loader/torch/load.h"
#include "loader/torch/save.h"
#include "loader/torch/to_tree.h"
#include "tests/support/string_sink.h"

namespace hardload {
namespace {

// Takes the file out of the page cache, where its file system can.
void evict(const char* path) {
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

Result<std::string> saved(const Checkpoint& checkpoint) {
  HARDLOAD_ASSIGN(const Tree tree, to_tree(checkpoint));
  testing::StringSink sink;
  HARDLOAD_TRY(save(tree, sink));
  return std::move(sink.content);
}

Result<void> resave(const char* path, const char* copy) {
  HARDLOAD_ASSIGN(const Checkpoint checkpoint, load(path));
  HARDLOAD_TRY(save(checkpoint, copy));
  HARDLOAD_ASSIGN(const std::string expected, saved(checkpoint));
  evict(path);
  HARDLOAD_ASSIGN(const Checkpoint cold, load(path));
  HARDLOAD_ASSIGN(const Checkpoint mapped, load(path, {.mapped = true}));
  for (const Checkpoint* other : {&cold, &mapped}) {
    HARDLOAD_ASSIGN(const std::string got, saved(*other));
    if (got == expected) continue;
    return Error(ErrorKind::kIo, Stage::kTransfer,
                 other == &cold ? "cold, the file holds something else"
                                : "mapped, the file holds something else");
  }
  return {};
}

}  // namespace
}  // namespace hardload

int main(int count, char** arguments) {
  if (count < 3 || count % 2 == 0) {
    std::cerr << "usage: resave FILE COPY [FILE COPY]...\n";
    return 2;
  }
  int status = 0;
  for (int i = 1; i < count; i += 2) {
    const auto done = hardload::resave(arguments[i], arguments[i + 1]);
    if (done.ok()) continue;
    ::unlink(arguments[i + 1]);
    std::cerr << arguments[i] << ": " << done.error().display() << '\n';
    status = 1;
  }
  return status;
}
