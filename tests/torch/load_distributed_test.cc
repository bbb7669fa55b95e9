// Folders of torch.distributed.checkpoint through the doors of the library.

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "loader/base/text.h"
#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

namespace fs = std::filesystem;

// The folder by the real torch, as files where the test may change them.
std::string folder(const std::string& name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const fs::path path = testing::write_temporary(concat(test->name(), "_", name), "");
  fs::remove_all(path);
  fs::create_directories(path);
  for (const auto& file : fs::directory_iterator("data/distributed/" + name)) {
    std::ofstream(path / file.path().filename(), std::ios::binary)
        << testing::read_file(file.path());
  }
  return path.string();
}

at::Tensor matrix() { return at::arange(24, at::kFloat).view({4, 6}); }

// With the tensors of the folder "grid": all of each lies in several places.
struct Net : torch::nn::Module {
  Net() {
    w = register_parameter("w", at::full({4, 6}, -1.0f));
    c = register_buffer("c", at::full({4, 6}, -1.0f, at::kHalf));
  }
  at::Tensor w, c;
};

TEST(LoadDistributed, GivesWhatTorchMakesOfIt) {
  for (const std::string name : {"flat", "nested", "rows", "grid"}) {
    const auto expected = load("data/distributed/" + name + ".pt");
    ASSERT_OK(expected);
    const std::string path = folder(name);
    for (const bool mapped : {false, true}) {
      const auto loaded = load(path, {.mapped = mapped});
      ASSERT_OK(loaded);
      const auto names = expected->manifest().named_tensors();
      ASSERT_EQ(loaded->manifest().named_tensors().size(), names.size());
      for (const NamedTensor& named : names) {
        const std::string key(expected->manifest().name(named));
        EXPECT_TRUE(loaded->tensor(key).value().equal(expected->tensor(key).value())) << key;
      }
      if (!mapped) {
        EXPECT_EQ(loaded->report().verified_bytes, loaded->report().bytes);
      }
    }
  }
}

TEST(LoadDistributed, FillsAModuleInEachMode) {
  const std::string path = folder("grid");
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    for (const bool mapped : {false, true}) {
      Net net;
      LoadIntoOptions options;
      options.mode = mode;
      options.load.mapped = mapped;
      ASSERT_OK(load_into(net, path, options));
      EXPECT_TRUE(net.w.equal(matrix()));
      EXPECT_TRUE(net.c.equal(matrix().to(at::kHalf)));
    }
  }
}

TEST(LoadDistributed, NothingIsLoadedWhereAChunkIsDamaged) {
  for (const std::string name : {"rows", "grid"}) {
    const std::string path = folder(name);
    std::string bytes = testing::read_file(fs::path(path) / "__0_0.distcp");
    const float six = 6;
    bytes[bytes.find(std::string(reinterpret_cast<const char*>(&six), sizeof six))] ^= 1;
    std::ofstream(fs::path(path) / "__0_0.distcp", std::ios::binary) << bytes;
    EXPECT_ERROR(load(path), ErrorKind::kChecksum, "CRC-32");
    Net net;
    EXPECT_ERROR(load_into(net, path), name == "grid" ? ErrorKind::kChecksum : ErrorKind::kKey, "");
    EXPECT_TRUE(net.w.equal(at::full({4, 6}, -1.0f)));
    EXPECT_OK(load(path, {.verify_crc = false}));
  }
}

TEST(LoadDistributed, ReadsNoMoreThanIsAskedFor) {
  const auto checkpoint = load(folder("grid"), {.only = {"w"}});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 96u);
  EXPECT_TRUE(checkpoint->tensor("w").value().equal(matrix()));
}

TEST(LoadDistributed, TheMetadataAloneSaysWhatItIs) {
  const std::string path = folder("rows");
  EXPECT_OK(load(path + "/.metadata"));
  fs::remove(path + "/__0_1.distcp");
  EXPECT_ERROR(load(path), ErrorKind::kIo, "__0_1.distcp");
}

}  // namespace
}  // namespace hardload
