// open_file: opens the files that it is told of, for comparison of the time with other readers.
//
// usage: open_file     reads paths, one a line; for each prints the seconds that it took to open
// and
//                      describe the file and list the names, and how many names there are

#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"

int main() {
  std::string path;
  while (std::getline(std::cin, path)) {
    const auto start = std::chrono::steady_clock::now();
    const auto source = hardload::FileSource::open(path).value();
    const hardload::Manifest manifest = hardload::describe(*source, {}).value();
    std::vector<std::string_view> names;
    names.reserve(manifest.named_tensors().size());
    for (const auto& named : manifest.named_tensors()) names.push_back(manifest.name(named));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << ' ' << names.size() << std::endl;
  }
}
