// Small checkpoints of every format, for tests that do something to each of them.
#pragma once

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "tests/support/files.h"
#include "tests/support/safetensors_builder.h"

namespace hardload::testing {

struct Sample {
  std::string name;  // of the format
  std::string path;  // of a file, or of a folder of shards
};
inline void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.path; }

// A folder of two shards, one of which holds "w".
inline std::string folder_of_shards() {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(write_temporary("shards.txt", "")).replace_extension();
  fs::create_directories(folder);
  const auto write = [&](const char* name, const std::string& content) {
    std::ofstream(folder / name, std::ios::binary) << content;
  };
  write("1.safetensors", read_file("data/malformed/Z26_twin_safetensors.pt"));
  write("2.safetensors", safetensors("{" + member("v", "F32", "[1]", 0, 4) + "}", "abcd"));
  write("model.safetensors.index.json",
        R"({"metadata": {"total_size": 20},
            "weight_map": {"w": "1.safetensors", "v": "2.safetensors"}})");
  return folder.string();
}

// Each holds a tensor "w" of four floats, and hardly more.
inline std::vector<Sample> small_samples() {
  std::vector<Sample> samples;
  const auto add = [&](const char* name, const char* file) {
    samples.push_back({name, concat("data/malformed/", file)});
  };
  add("zip", "Z01_twin_whole.pt");
  add("zip_deflated", "Z18_twin_deflated.pt");
  add("zip_without_crc", "C10_twin_without_crc.pt");
  add("script", "Z27_twin_module.pt");
  add("safetensors", "F18_twin_whole.safetensors");
  add("legacy", "L01_twin_as_torch_writes_it.pt");
  add("legacy_big_endian", "L02_twin_of_a_big_machine.pt");
  add("tar", "L10_twin_as_torch_wrote_it.pt");
  samples.push_back({"shards", folder_of_shards()});
  return samples;
}

// By the real torch, safetensors and LibTorch, with all that these can hold.
inline std::vector<Sample> real_samples() {
  return {{"real_zip", "data/golden/checkpoint_for_training.pt"},
          {"real_zip_quantized", "data/golden/quantized_per_channel.pt"},
          {"real_zip_sparse", "data/golden/sparse_csr.pt"},
          {"real_zip_nested", "data/golden/tree_nested.pt"},
          {"real_zip_conjugated", "data/golden/view_conjugated.pt"},
          {"real_script", "data/libtorch/script_views.pt"},
          {"real_cpp", "data/libtorch/cpp_vector.pt"},
          {"real_pt2", "data/corpus/describe/exported.pt2"},
          {"real_safetensors", "data/golden/safetensors_tied.safetensors"},
          {"real_legacy", "data/golden/legacy_sparse.pt"},
          {"real_tar", "data/golden/tar_state.pt"}};
}

inline std::vector<Sample> all_samples() {
  std::vector<Sample> samples = small_samples();
  for (Sample& sample : real_samples()) samples.push_back(std::move(sample));
  return samples;
}

}  // namespace hardload::testing
