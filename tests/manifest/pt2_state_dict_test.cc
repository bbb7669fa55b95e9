// Archives of torch.export, from bytes to a state dict.

#include "loader/manifest/pt2_state_dict.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::describe_bytes;
using testing::ZipBuilder;

constexpr const char* kConfig = "m/data/weights/model_weights_config.json";

// A weight of two floats of `path` at `offset`.
std::string weight(const std::string& name, const std::string& path, int offset = 0,
                   const std::string& device = "cpu") {
  return "\"" + name + "\": {\"path_name\": \"" + path +
         "\", \"is_param\": true, \"use_pickle\": false, \"tensor_meta\": {\"dtype\": 7, \"sizes\":"
         " [{\"as_int\": 2}], \"requires_grad\": true, \"device\": {\"type\": \"" +
         device +
         "\", \"index\": null}, \"strides\": [{\"as_int\": 1}], \"storage_offset\": {\"as_int\": " +
         std::to_string(offset) + "}, \"layout\": 7}}";
}

// With weight_0 of three floats.
ZipBuilder archive(const std::string& weights, const std::string& byte_order = "little",
                   const std::string& version = "0") {
  ZipBuilder zip;
  zip.add("m/data/weights/weight_0", std::string(12, '\1'));
  zip.add(kConfig, "{\"config\": {" + weights + "}}");
  zip.add("m/models/model.json", "not looked at");
  zip.add("m/archive_format", "pt2");
  zip.add("m/archive_version", version);
  zip.add("m/byteorder", byte_order);
  return zip;
}

TEST(Pt2, WeightsAreAStateDict) {
  const auto manifest =
      describe_bytes(archive(weight("a", "weight_0") + "," + weight("b.c", "weight_0", 1)).build());
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->container().format(), Format::kPt2);
  EXPECT_EQ(to_string(Format::kPt2), "torch.export archive");
  EXPECT_EQ(short_name(Format::kPt2), "pt2");
  EXPECT_EQ(manifest->container().version(), 0u);
  EXPECT_EQ(manifest->container().byte_order(), ByteOrder::kLittle);
  ASSERT_EQ(manifest->named_tensors().size(), 2u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[1]), "b.c");
  EXPECT_EQ(manifest->root().key(1).as_string(), "b.c");
  EXPECT_EQ(manifest->storages().size(), 1u);
  EXPECT_EQ(manifest->storages()[0].location, "cpu");
  const TensorSpec& tensor = manifest->tensors()[1];
  EXPECT_EQ(tensor.offset, 1);
  EXPECT_TRUE(tensor.is_parameter);
  EXPECT_TRUE(tensor.requires_grad);
  EXPECT_EQ(manifest->container().storage_records(), 1u);
}

TEST(Pt2, WeightsStayInTheirStorages) {
  EXPECT_ERROR(describe_bytes(archive(weight("a", "weight_0", 2)).build()), ErrorKind::kLayout,
               "at 'a'");
  EXPECT_ERROR(describe_bytes(archive(weight("a", "weight_1")).build()), ErrorKind::kStorage,
               "no record 'weight_1'");
  EXPECT_ERROR(describe_bytes(archive(weight("a", "../weights/weight_0")).build()),
               ErrorKind::kName, "is a path");
  EXPECT_ERROR(
      describe_bytes(
          archive(weight("a", "weight_0") + "," + weight("b", "weight_0", 0, "cuda")).build()),
      ErrorKind::kStorage, "on another device");
}

TEST(Pt2, IntegersRequireNoGradient) {
  std::string text = weight("a", "weight_0");
  text.replace(text.find("\"dtype\": 7"), 10, "\"dtype\": 4");
  EXPECT_ERROR(describe_bytes(archive(text).build()), ErrorKind::kLayout, "requires a gradient");
}

TEST(Pt2, OtherArchivesAreRefused) {
  EXPECT_ERROR(describe_bytes(archive("", "big").build()), ErrorKind::kUnsupported, "'big'");
  EXPECT_ERROR(describe_bytes(archive("", "little", "1").build()), ErrorKind::kUnsupported, "'1'");
  EXPECT_ERROR(
      describe_bytes(archive("").add("m/data/weights/b_weights_config.json", "{}").build()),
      ErrorKind::kUnsupported, "several models");
  EXPECT_ERROR(describe_bytes(archive("").add("x/y", "").build()), ErrorKind::kContainer,
               "outside of the archive's folder");
  EXPECT_ERROR(describe_bytes(ZipBuilder()
                                  .add("m/archive_format", "pt2")
                                  .add("m/archive_version", "0")
                                  .add("m/byteorder", "little")
                                  .build()),
               ErrorKind::kUnsupported, "compiled code");
  EXPECT_ERROR(describe_bytes(ZipBuilder().add("m/archive_format", "pt2").build()),
               ErrorKind::kContainer, "no record 'archive_version'");
}

// What torch.load or torch.jit.load would take for a file of theirs, too.
TEST(Pt2, ArchivesOfTwoFormatsAreRefused) {
  for (const char* name : {"data.pkl", "DATA.pkl", "constants.pkl", "model.json"}) {
    EXPECT_ERROR(describe_bytes(
                     archive(weight("a", "weight_0")).add(std::string("m/") + name, "N.").build()),
                 ErrorKind::kUnsupported, "in an archive of torch.export");
  }
}

TEST(Pt2, TheListIsNoStorage) {
  EXPECT_ERROR(describe_bytes(archive(weight("a", "model_weights_config.json")).build()),
               ErrorKind::kStorage, "no record");
}

TEST(Pt2, ErrorsNameTheRecord) {
  const auto refused = describe_bytes(archive("1").build());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().record(), kConfig);
}

}  // namespace
}  // namespace hardload
