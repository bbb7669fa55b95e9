// build_manifest: from an archive and values that were read apart to one Manifest.

#include "loader/manifest/manifest_builder.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "loader/container/torch_archive.h"
#include "tests/manifest/checkpoints.h"
#include "tests/pickle/run.h"

namespace hardload {
namespace {

using testing::PickleBuilder;

Result<Manifest> build(const std::string& pickle, const Limits& limits = {}) {
  const std::string file = testing::CheckpointBuilder().storage("0", std::string(24, '\1')).build();
  const auto source = testing::source_of(file);
  HARDLOAD_ASSIGN(TorchArchive archive, TorchArchive::open(source, limits, true));
  HARDLOAD_ASSIGN(ValueGraph graph, testing::run(pickle, limits));
  return build_manifest(std::make_unique<TorchArchive>(std::move(archive)), std::move(graph),
                        limits);
}

TEST(ManifestBuilder, ResolvesAllTensors) {
  const auto manifest =
      build(PickleBuilder().empty_dict().text("w").raw(testing::tensor()).op('s').stop());
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->named_tensors().size(), 1u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]), "w");
  EXPECT_EQ(manifest->storages().size(), 1u);
}

TEST(ManifestBuilder, HandsOnWhatIsWrong) {
  EXPECT_ERROR(build(PickleBuilder().tensor("FloatStorage", "0", 5, {1}, {1}).stop()),
               ErrorKind::kStorage, "record size (24 bytes)");
  EXPECT_ERROR(build(PickleBuilder().tensor("FloatStorage", "0", 6, {7}, {1}).stop()),
               ErrorKind::kLayout, "reaches up to element 6");
  EXPECT_ERROR(build(PickleBuilder().empty_list().empty_list().op('a').stop(), {.max_depth = 1}),
               ErrorKind::kLimit, "max_depth, 1");
}

}  // namespace
}  // namespace hardload
