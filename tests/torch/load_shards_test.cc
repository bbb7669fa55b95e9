// Sharded checkpoints through every door of the library.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "loader/torch/load_state_dict.h"
#include "loader/torch/save.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/safetensors_builder.h"

namespace hardload {
namespace {

namespace fs = std::filesystem;
using testing::member;
using testing::safetensors;

const std::vector<float> kWeight = {1, 2, 3, 4, 5, 6}, kBias = {7, 8, 9};
const std::string kIndex = "model.safetensors.index.json",
                  kTorchIndex = "pytorch_model.bin.index.json";

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> values(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.detach().contiguous();
  return {dense.const_data_ptr<float>(), dense.const_data_ptr<float>() + dense.numel()};
}

// A folder with the state of Linear(2, 3) in two shards of either format.
class LoadShardsTest : public ::testing::Test {
 protected:
  LoadShardsTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::write_temporary(test->name(), ""));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void write_index(const std::string& name) {
    write(name, R"({"metadata": {"total_size": 36}, "weight_map": {"weight": "1", "bias": "2"}})");
  }
  void write_safetensors() {
    // Padded, as writers do it, so that the data is aligned.
    const auto header = [](const std::string& member) {
      std::string text = "{" + member + "}";
      text.resize((text.size() + 7) / 8 * 8, ' ');
      return text;
    };
    write("1", safetensors(header(member("weight", "F32", "[3,2]", 0, 24)), floats(kWeight)));
    write("2", safetensors(header(member("bias", "F32", "[3]", 0, 12)), floats(kBias)));
    write_index(kIndex);
  }
  void write_torch() {
    const auto weight = at::tensor(kWeight).view({2, 3}).t();  // strides (1, 3)
    ASSERT_OK(save(Tree::dict({{"weight", Tree(weight)}}), (folder_ / "1").string()));
    ASSERT_OK(save(Tree::dict({{"bias", Tree(at::tensor(kBias))}}), (folder_ / "2").string()));
    write_index(kTorchIndex);
  }
  // Changes the last byte of tensor data that the file holds.
  void damage(const std::string& name, const std::string& data) {
    std::string bytes = testing::read_file(folder_ / name);
    bytes[bytes.rfind(data) + data.size() - 1] ^= 1;
    write(name, bytes);
  }
  std::string path(const std::string& name = "") const {
    return name.empty() ? folder_.string() : (folder_ / name).string();
  }

  fs::path folder_;
};

TEST_F(LoadShardsTest, LoadsAFolderAndAnIndex) {
  write_safetensors();
  for (const std::string& from : {path(), path(kIndex)}) {
    const auto checkpoint = load(from);
    ASSERT_OK(checkpoint);
    EXPECT_EQ(checkpoint->report().bytes, 36u);
    const auto state = checkpoint->state_dict();
    ASSERT_OK(state);
    torch::nn::Linear linear(2, 3);
    ASSERT_OK(load_state_dict(*linear, *state));
    EXPECT_EQ(values(linear->weight), kWeight);
    EXPECT_EQ(values(linear->bias), kBias);
  }
}

TEST_F(LoadShardsTest, ShardsOfTorchKeepTheirStrides) {
  write_torch();
  const auto checkpoint = load(path());
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().verified_bytes, 36u);
  const at::Tensor weight = checkpoint->tensor("weight").value();
  EXPECT_EQ(weight.strides(), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(values(weight), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST_F(LoadShardsTest, LoadsIntoAModuleInEachMode) {
  write_safetensors();
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    for (const bool mapped : {false, true}) {
      torch::nn::Linear linear(2, 3);
      LoadIntoOptions options;
      options.mode = mode;
      options.load.mapped = mapped;
      ASSERT_OK(load_into(*linear, path(), options));
      EXPECT_EQ(values(linear->weight), kWeight);
      EXPECT_EQ(values(linear->bias), kBias);
    }
  }
}

TEST_F(LoadShardsTest, MapsTheShards) {
  write_safetensors();
  const auto checkpoint = load(path(), {.mapped = true});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 0u);  // nothing was read
  fs::remove_all(folder_);
  EXPECT_EQ(values(checkpoint->tensor("weight").value()), kWeight);
  EXPECT_EQ(values(checkpoint->tensor("bias").value()), kBias);
}

TEST_F(LoadShardsTest, OnlyWhatIsAskedForIsRead) {
  write_safetensors();
  const auto checkpoint = load(path(), {.only = {"bias"}});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 12u);
  EXPECT_EQ(values(checkpoint->tensor("bias").value()), kBias);
}

// I07: the last shard is damaged where only its CRC-32 shows it, or cut short.
TEST_F(LoadShardsTest, NothingIsLoadedWhereTheLastShardIsDamaged) {
  torch::nn::Linear linear(2, 3);
  const auto weight = values(linear->weight), bias = values(linear->bias);
  const auto expect_nothing = [&](ErrorKind kind) {
    EXPECT_ERROR(load(path()), kind, "2");
    for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
      LoadIntoOptions options;
      options.mode = mode;
      EXPECT_ERROR(load_into(*linear, path(), options), kind, "2");
      EXPECT_EQ(values(linear->weight), weight);
      EXPECT_EQ(values(linear->bias), bias);
    }
  };
  write_torch();
  damage("2", floats(kBias));
  expect_nothing(ErrorKind::kChecksum);
  EXPECT_ERROR(load(path()), ErrorKind::kChecksum, "in record '2/");
  write_safetensors();
  std::string cut = testing::read_file(folder_ / "2");
  cut.pop_back();
  write("2", cut);
  expect_nothing(ErrorKind::kBounds);
  fs::remove(folder_ / "2");
  expect_nothing(ErrorKind::kIo);
}

// As writers of safetensors leave them: under one of their names.
TEST_F(LoadShardsTest, TiedNamesThatTheShardsHaveOnce) {
  write_safetensors();
  torch::nn::Linear linear(2, 3);
  linear->register_parameter("tied", linear->weight);
  EXPECT_ERROR(load_into(*linear, path()), ErrorKind::kKey, "tied");
  LoadIntoOptions options;
  options.state_dict.accept_tied_names = true;
  const auto keys = load_into(*linear, path(), options);
  ASSERT_OK(keys);
  EXPECT_EQ(keys->tied_keys, std::vector<std::string>{"tied"});
  EXPECT_EQ(values(linear->named_parameters()["tied"]), kWeight);
}

TEST_F(LoadShardsTest, TiedTensorsOfAShardStayTied) {
  write_torch();
  const auto weight = at::tensor(kWeight).view({3, 2});
  ASSERT_OK(save(Tree::dict({{"weight", Tree(weight)}, {"tied", Tree(weight)}}), path("1")));
  write(kTorchIndex, R"({"weight_map": {"weight": "1", "tied": "1", "bias": "2"}})");
  const auto checkpoint = load(path());
  ASSERT_OK(checkpoint);
  EXPECT_TRUE(checkpoint->tensor("weight").value().is_same(checkpoint->tensor("tied").value()));
  EXPECT_EQ(checkpoint->report().bytes, 36u);
}

TEST_F(LoadShardsTest, Links) {
  write_safetensors();
  fs::rename(folder_ / "2", folder_ / "real");
  fs::create_symlink("real", folder_ / "2");
  EXPECT_OK(load(path()));
  EXPECT_ERROR(load(path(), {.follow_links = false}), ErrorKind::kName, "symbolic link");
  fs::remove(folder_ / "2");
  fs::create_symlink("/etc/hostname", folder_ / "2");
  EXPECT_ERROR(load(path()), ErrorKind::kName, "leaves the folder");
}

TEST_F(LoadShardsTest, AnOffsetIsThatOfOneFile) {
  write_safetensors();
  EXPECT_ERROR(load(path(), {.offset = 1}), ErrorKind::kNotRegular, "a folder");
  EXPECT_ERROR(load(path(kIndex), {.offset = 1}), ErrorKind::kUnknownFormat, "index");
}

TEST_F(LoadShardsTest, ComesBackFromSave) {
  write_safetensors();
  const auto checkpoint = load(path());
  ASSERT_OK(checkpoint);
  ASSERT_OK(save(*checkpoint, path("whole.pt")));
  const auto again = load(path("whole.pt"));
  ASSERT_OK(again);
  EXPECT_EQ(values(again->tensor("weight").value()), kWeight);
  EXPECT_EQ(values(again->tensor("bias").value()), kBias);
}

}  // namespace
}  // namespace hardload
