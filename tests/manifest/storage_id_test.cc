// read_storage_id: ids of both forms; what is wrong with an id whatever the file holds. Ids of zip
// files are in storage_table_test.cc.

#include "loader/manifest/storage_id.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/old_formats.h"

namespace hardload {
namespace {

using testing::PickleBuilder;
using testing::Slice;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

struct Read {
  ValueGraph graph;
  Result<StorageId> id;
};

Read read(const std::string& id, Format format = Format::kLegacyStream) {
  ValueGraph graph = testing::run(PickleBuilder().raw(id).stop()).value();
  auto made = read_storage_id(graph, graph.calls[0].arguments, format);
  return {std::move(graph), std::move(made)};
}

TEST(StorageId, OfALegacyStreamHasSixParts) {
  const Read plain = read(testing::old_storage("94", 3));
  ASSERT_OK(plain.id);
  EXPECT_EQ(plain.id->key, "94");
  EXPECT_EQ(plain.id->location, "cpu");
  EXPECT_EQ(plain.id->dtype, Dtype::kFloat32);
  EXPECT_EQ(plain.id->numel, 3u);
  EXPECT_EQ(plain.id->bytes, 12u);
  EXPECT_FALSE(plain.id->slice);
  EXPECT_ERROR(read(testing::old_storage("94", 3), Format::kTorchZip).id, ErrorKind::kPersId,
               "number of elements)");
  const std::string five = PickleBuilder("").storage("FloatStorage", "94", 3).bytes();
  EXPECT_OK(read(five, Format::kTorchZip).id);
  EXPECT_ERROR(read(five).id, ErrorKind::kPersId, "None or a slice");
}

TEST(StorageId, MayBeASlice) {
  const Read made = read(testing::old_storage("94", 10, {"95", 4, 6}));
  ASSERT_OK(made.id);
  ASSERT_TRUE(made.id->slice);
  EXPECT_EQ(made.id->slice->key, "95");
  EXPECT_EQ(made.id->slice->offset, 4u);
  EXPECT_EQ(made.id->slice->numel, 6u);
  EXPECT_OK(read(testing::old_storage("94", 10, {"95", 10, 0})).id);
}

TEST(StorageId, RefusesSlicesOutsideOfTheStorage) {  // L06
  for (const Slice& slice : {Slice{"95", 4, 7}, Slice{"95", 11, 0}, Slice{"95", -1, 2},
                             Slice{"95", 2, -1}, Slice{"95", kMost, 2}, Slice{"95", 2, kMost}}) {
    EXPECT_ERROR(read(testing::old_storage("94", 10, slice)).id, ErrorKind::kStorage,
                 "but the storage has 10");
  }
  EXPECT_ERROR(read(testing::old_storage("94", 10, {"94", 0, 10})).id, ErrorKind::kStorage,
               "slice of itself");
  EXPECT_ERROR(read(testing::old_storage("94", 10, {"a/b", 0, 10})).id, ErrorKind::kName, "unsafe");
}

TEST(StorageId, RefusesOtherForms) {
  std::string text = testing::old_storage("94", 3);
  text[text.rfind('N')] = ')';  // the slice: an empty tuple
  EXPECT_ERROR(read(text).id, ErrorKind::kPersId, "None or a slice");
  EXPECT_ERROR(read(testing::old_storage("", 3)).id, ErrorKind::kName, "unsafe");
  EXPECT_ERROR(read(testing::old_storage("94", -3)).id, ErrorKind::kStorage, "-3 elements");
  EXPECT_ERROR(read(testing::old_storage("94", kMost)).id, ErrorKind::kStorage, "overflow");
}

}  // namespace
}  // namespace hardload
