// A safetensors file through every door of the library: a state dict like any other.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
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

using testing::member;
using testing::safetensors;
using testing::write_temporary;

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

const std::vector<float> kWeight = {1, 2, 3, 4, 5, 6}, kBias = {7, 8, 9};

// A file of the state of Linear(2, 3), padded to a header of `header_bytes`, with something more.
std::string linear_file(const std::string& name, std::size_t header_bytes = 320) {
  std::string header =
      "{\"__metadata__\":{\"format\":\"pt\"}," + member("weight", "F32", "[3,2]", 0, 24) + "," +
      member("bias", "F32", "[3]", 24, 36) + "," + member("other", "U8", "[4]", 36, 40) + "}";
  header.resize(header_bytes, ' ');
  return write_temporary(name, safetensors(header, floats(kWeight) + floats(kBias) + "rest"));
}

std::vector<float> values(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.detach().contiguous();
  return {dense.const_data_ptr<float>(), dense.const_data_ptr<float>() + dense.numel()};
}

TEST(LoadSafetensors, GivesAStateDictAndItsMetadata) {
  const auto checkpoint = load(linear_file("state.safetensors"));
  ASSERT_OK(checkpoint);
  ASSERT_EQ(checkpoint->metadata().size(), 1u);
  EXPECT_EQ(checkpoint->metadata()[0].key, "format");
  EXPECT_EQ(checkpoint->metadata()[0].value, "pt");
  EXPECT_EQ(checkpoint->root().kind(), ValueKind::kDict);
  // The format has no checksums.
  EXPECT_EQ(checkpoint->report().bytes, 40u);
  EXPECT_EQ(checkpoint->report().verified_bytes, 0u);
  const auto state = checkpoint->state_dict();
  ASSERT_OK(state);
  torch::nn::Linear linear(2, 3);
  const auto keys = load_state_dict(*linear, *state, {.ignore_unexpected = {"other"}});
  ASSERT_OK(keys);
  EXPECT_EQ(values(linear->weight), kWeight);
  EXPECT_EQ(values(linear->bias), kBias);
}

TEST(LoadSafetensors, LoadsIntoAModuleInEachMode) {
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    for (const bool mapped : {false, true}) {
      torch::nn::Linear linear(2, 3);
      LoadIntoOptions options;
      options.mode = mode;
      options.load.mapped = mapped;
      options.state_dict.ignore_unexpected = {"other"};
      ASSERT_OK(load_into(*linear, linear_file("into.safetensors"), options));
      EXPECT_EQ(values(linear->weight), kWeight);
      EXPECT_EQ(values(linear->bias), kBias);
    }
  }
}

TEST(LoadSafetensors, NothingIsLoadedFromAFileThatIsCutShort) {  // F18
  const std::string whole = testing::read_file(linear_file("whole.safetensors"));
  torch::nn::Linear linear(2, 3);
  const auto before = values(linear->weight);
  for (const std::size_t size : {whole.size() - 1, whole.size() - 40, std::size_t{200}}) {
    const std::string cut = write_temporary("cut.safetensors", whole.substr(0, size));
    EXPECT_FALSE(load(cut).ok()) << size;
    EXPECT_FALSE(load_into(*linear, cut, {}).ok()) << size;
  }
  EXPECT_EQ(values(linear->weight), before);
}

// F20: a tensor views the mapped file where its elements lie at multiples of their size.
TEST(LoadSafetensors, MapsWhatIsAligned) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string path = linear_file("mapped.safetensors", 312 + shift);
    const auto checkpoint = load(path, {.mapped = true});
    ASSERT_OK(checkpoint) << shift;
    EXPECT_EQ(values(checkpoint->tensor("weight").value()), kWeight) << shift;
    EXPECT_EQ(values(checkpoint->tensor("bias").value()), kBias) << shift;
    // What was read is counted; what is mapped is not.
    EXPECT_EQ(checkpoint->report().bytes, shift % 4 == 0 ? 0u : 36u) << shift;
    const auto address =
        reinterpret_cast<std::uintptr_t>(checkpoint->tensor("bias").value().const_data_ptr());
    EXPECT_EQ(address % alignof(float), 0u) << shift;
  }
}

TEST(LoadSafetensors, OnlyWhatIsAskedForIsRead) {
  const auto checkpoint = load(linear_file("only.safetensors"), {.only = {"bias"}});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 12u);
  EXPECT_EQ(values(checkpoint->tensor("bias").value()), kBias);
  EXPECT_ERROR(checkpoint->tensor("weight"), ErrorKind::kKey, "not chosen to be loaded");
}

TEST(LoadSafetensors, ComesBackFromSave) {
  const auto checkpoint = load(linear_file("saved.safetensors"));
  ASSERT_OK(checkpoint);
  const std::string copy = write_temporary("saved.pt", "");
  ASSERT_OK(save(*checkpoint, copy));
  const auto again = load(copy);
  ASSERT_OK(again);
  EXPECT_EQ(values(again->tensor("weight").value()), kWeight);
  EXPECT_EQ(again->manifest().named_tensors().size(), 3u);
}

}  // namespace
}  // namespace hardload
