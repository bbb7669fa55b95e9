// load: how it can be called. Paths of every kind; one call says nothing to the next.

#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "loader/torch/load.h"
#include "loader/torch/save.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

const std::string kGolden = "data/golden/state_linear.pt";

// Torch opens such paths itself and calls the archive's folder `archive`.
TEST(LoadCalls, PathsMayHoldAnyCharacter) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "M\u00e4rz \u8a66 \U0001f525";
  std::filesystem::create_directories(folder);
  const std::filesystem::path path = folder / "n\u00e4me .pt";
  const auto golden = load(kGolden);
  ASSERT_OK(save(*golden, path));
  for (const bool mapped : {false, true}) {
    const auto again = load(path, {.mapped = mapped});
    ASSERT_OK(again);
    EXPECT_TRUE(at::equal(again->tensor("bias").value(), golden->tensor("bias").value()));
  }
}

TEST(LoadCalls, PathsMayBeOfAnyType) {
  const std::filesystem::path path = kGolden;
  EXPECT_OK(load(path));
  EXPECT_OK(load(path.string()));
  EXPECT_OK(load(path.c_str()));
}

TEST(LoadCalls, AMapLocationIsForOneCall) {
  EXPECT_TRUE(load(kGolden, {.map_location = "meta"})->tensor("bias")->is_meta());
  EXPECT_TRUE(load(kGolden)->tensor("bias")->is_cpu());
}

// A file of a GPU, mapped: what comes to the CPU is not copied.
TEST(LoadCalls, MappedTensorsOfAGpuComeToTheCpu) {
  PickleBuilder pickle;
  pickle.global("torch._utils", "_rebuild_tensor_v2").mark();
  pickle.storage("FloatStorage", "0", 2, "cuda:99").integer(0).integers({2}).integers({1});
  pickle.boolean(false).ordered_dict().tuple().reduce();
  const std::string path = testing::write_temporary(
      "gpu_mapped.pt",
      CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(8, '\x40')).build());
  EXPECT_ERROR(load(path, {.mapped = true}), ErrorKind::kDevice, "cuda:99");
  const auto mapped = load(path, {.map_location = "cpu", .mapped = true});
  ASSERT_OK(mapped);
  EXPECT_EQ(mapped->report().bytes, 0u);
  EXPECT_EQ(mapped->tensor("").value()[1].item<float>(), 3.0039215f);
}

}  // namespace
}  // namespace hardload
