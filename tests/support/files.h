// Files of tests: those of data/, and temporary ones.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace hardload::testing {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Writes `content` to a file of this name in the test's own folder; returns its path.
inline std::string write_temporary(std::string_view name, std::string_view content) {
  const char* folder = ::getenv("TEST_TMPDIR");
  const auto path = std::filesystem::path(folder != nullptr ? folder : "/tmp") / name;
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

// The paths of the files in `folder` with this extension, sorted. Tests run in the folder that
// holds data/.
inline std::vector<std::string> checkpoints_in(const std::string& folder,
                                               std::string_view extension, std::size_t at_least) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  EXPECT_GE(paths.size(), at_least);
  return paths;
}

// Those by torch.save; by safetensors; and by LibTorch's own functions: torch.jit.save, C++
// torch::save, torch::pickle_save.
inline std::vector<std::string> golden_files() { return checkpoints_in("data/golden", ".pt", 60); }
inline std::vector<std::string> golden_safetensors() {
  return checkpoints_in("data/golden", ".safetensors", 6);
}
inline std::vector<std::string> libtorch_files() {
  return checkpoints_in("data/libtorch", ".pt", 25);
}

// The path of what torch says of the golden file at `path`.
inline std::string golden_json(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".json").string();
}

// Those of the zip format: the names of the others begin with their format's.
inline std::vector<std::string> golden_archives() {
  std::vector<std::string> paths = golden_files();
  std::erase_if(paths, [](const std::string& path) {
    const std::string name = std::filesystem::path(path).filename();
    return name.starts_with("legacy_") || name.starts_with("tar_");
  });
  return paths;
}

}  // namespace hardload::testing
