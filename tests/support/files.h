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

// The paths of the files with this extension in data/golden/, sorted. Tests run in the folder that
// holds data/.
inline std::vector<std::string> golden_files_of(std::string_view extension) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator("data/golden")) {
    if (entry.path().extension() == extension) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Those by torch.save, and those by safetensors.
inline std::vector<std::string> golden_files() {
  auto paths = golden_files_of(".pt");
  EXPECT_GE(paths.size(), 60u);
  return paths;
}
inline std::vector<std::string> golden_safetensors() {
  auto paths = golden_files_of(".safetensors");
  EXPECT_GE(paths.size(), 6u);
  return paths;
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
