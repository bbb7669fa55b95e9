// Files that change under those who read them.
//
//   Copy copy(sample);
//   for (const Change& change : kChanges) {
//     on_read([&](long number, int descriptor) {
//       if (number == 3) change.make(path_of(descriptor));
//       return kAsUsual;
//     });
//     const auto result = load(copy.path());
//     copy.restore();
//   }
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/every_format.h"
#include "tests/support/files.h"

namespace hardload::testing {

// A copy of a checkpoint in the test's own folder, in a folder of its own.
class Copy {
 public:
  explicit Copy(const Sample& sample)
      : from_(sample.path),
        to_(std::filesystem::path(write_temporary(sample.name + ".txt", ""))
                .replace_extension(".copy") /
            from_.filename()) {
    restore();
  }
  std::string path() const { return to_.string(); }

  // As it was, and written long ago: file systems keep time in steps, within which a change is
  // none.
  void restore() const {
    namespace fs = std::filesystem;
    fs::remove_all(to_.parent_path());
    fs::create_directories(to_.parent_path());
    fs::copy(from_, to_);
    if (!fs::is_directory(to_)) return make_old(to_);
    for (const auto& file : fs::directory_iterator(to_)) make_old(file.path());
  }

 private:
  static void make_old(const std::filesystem::path& path) {
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const std::filesystem::path from_, to_;
};

// Of an open file.
inline std::string path_of(int descriptor) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor)).string();
}

inline std::string with_all_bits_flipped(std::string bytes) {
  for (char& byte : bytes) byte = static_cast<char>(~byte);
  return bytes;
}

struct Change {
  const char* name;
  void (*make)(const std::string& path);
  bool keeps_the_open_file;  // who has the file open reads what was in it
};

inline const Change kChanges[] = {
    {"emptied", [](const std::string& path) { std::filesystem::resize_file(path, 0); }, false},
    {"cut",
     [](const std::string& path) {
       std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
     },
     false},
    {"grown",
     [](const std::string& path) {
       std::ofstream(path, std::ios::binary | std::ios::app) << "more";
     },
     false},
    {"overwritten",
     [](const std::string& path) {
       const std::string other = with_all_bits_flipped(read_file(path));
       std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << other;
     },
     false},
    {"replaced",
     [](const std::string& path) {
       std::ofstream(path + ".new", std::ios::binary) << with_all_bits_flipped(read_file(path));
       std::filesystem::rename(path + ".new", path);
     },
     true},
    {"removed", [](const std::string& path) { std::filesystem::remove(path); }, true},
};

}  // namespace hardload::testing
