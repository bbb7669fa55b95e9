// Legacy streams: five pickles, the storages in the order of their list, and what follows.

#include "loader/manifest/legacy_stream.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/support/old_formats.h"

namespace hardload {
namespace {

using testing::describe_bytes;
using testing::old_storage;
using testing::old_tensor;
using testing::PickleBuilder;
using testing::StreamBuilder;

// {"a": a tensor of storage 9, "b": one of storage 10}
std::string two_tensors() {
  return PickleBuilder()
      .empty_dict()
      .mark()
      .text("a")
      .raw(old_tensor("9", 2, {2}, {1}))
      .text("b")
      .raw(old_tensor("10", 1, {1}, {1}))
      .op('u')
      .stop();
}

StreamBuilder two_storages() {
  return StreamBuilder().object(two_tensors()).storage("10", 1, "bbbb").storage("9", 2, "aaaaAAAA");
}

TEST(LegacyStream, StoragesLieInTheOrderOfTheList) {
  const std::string bytes = two_storages().build();
  const auto manifest = describe_bytes(bytes);
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->container().format(), Format::kLegacyStream);
  EXPECT_EQ(manifest->container().version(), 1001u);
  EXPECT_EQ(manifest->container().following(), 0u);
  ASSERT_EQ(manifest->storages().size(), 2u);
  EXPECT_EQ(manifest->storages()[0].record->data_offset, bytes.find("aaaa"));
  EXPECT_EQ(manifest->storages()[1].record->data_offset, bytes.find("bbbb"));
  // L08: torch's own writer sorts the list, its reader takes any order.
  const auto other = describe_bytes(StreamBuilder()
                                        .object(two_tensors())
                                        .storage("9", 2, "aaaaAAAA")
                                        .storage("10", 1, "bbbb")
                                        .build());
  ASSERT_OK(other);
  EXPECT_EQ(other->storages()[0].record->name, "9");
}

TEST(LegacyStream, TheListNamesEachStorageOnce) {  // L03
  const auto with_keys = [](const std::vector<std::string>& keys) {
    PickleBuilder p;
    p.empty_list().mark();
    for (const std::string& key : keys) p.text(key);
    return describe_bytes(two_storages().keys(p.op('e').stop()).build());
  };
  EXPECT_OK(with_keys({"10", "9"}));
  EXPECT_ERROR(with_keys({"10", "9", "11"}), ErrorKind::kStorage, "nothing refers to it");
  EXPECT_ERROR(with_keys({"10", "10"}), ErrorKind::kStorage, "twice");
  EXPECT_ERROR(with_keys({"10"}), ErrorKind::kStorage, "storage '9': it is not on the list");
  EXPECT_ERROR(with_keys({"9", "10"}), ErrorKind::kStorage, "expected 2 elements, got 1");
  const auto with_list = [](const std::string& list) {
    return describe_bytes(two_storages().keys(list).build());
  };
  EXPECT_ERROR(with_list(PickleBuilder().none().stop()), ErrorKind::kContainer, "no list");
  EXPECT_ERROR(with_list(PickleBuilder().raw("]K\1a").stop()), ErrorKind::kContainer, "no text");
  EXPECT_ERROR(describe_bytes(two_storages().build(), {.limits = {.max_records = 1}}),
               ErrorKind::kLimit, "max_records");
}

TEST(LegacyStream, TheHeadIsTorchs) {  // L01, L02
  const auto integer = [](std::int64_t value) { return PickleBuilder().integer(value).stop(); };
  EXPECT_ERROR(describe_bytes(two_storages().protocol(integer(1002)).build()),
               ErrorKind::kUnsupported, "version is 1002");
  EXPECT_ERROR(describe_bytes(two_storages().protocol(PickleBuilder().none().stop()).build()),
               ErrorKind::kUnsupported, "version is no number");
  // Begins like one, and is not the number all the same.
  const std::string bytes = two_storages().build();
  const std::string magic(StreamBuilder::kMagic.substr(0, StreamBuilder::kMagic.size() - 1));
  const std::string rest = bytes.substr(StreamBuilder::kMagic.size());
  ASSERT_OK(describe_bytes(magic + "." + rest));
  for (const char* end : {"0N.", "0K\1.", "0U\001a.", "\x85."}) {
    EXPECT_ERROR(describe_bytes(magic + end + rest), ErrorKind::kContainer, "another magic number");
  }
  EXPECT_ERROR(describe_bytes(two_storages().info(testing::system_info(1000)).build()),
               ErrorKind::kContainer, "in two ways");
  EXPECT_ERROR(describe_bytes(two_storages().info(integer(1)).build()), ErrorKind::kContainer, "");
  std::string info = testing::system_info(1001);
  info[info.find('\x88')] = 'N';
  EXPECT_ERROR(describe_bytes(two_storages().info(info).build()), ErrorKind::kByteOrder, "neither");
  info = testing::system_info(1001);
  info[info.find("short") + 7] = 3;
  EXPECT_ERROR(describe_bytes(two_storages().info(info).build()), ErrorKind::kContainer, "sizes");
  PickleBuilder no_sizes;
  no_sizes.empty_dict().mark().text("protocol_version").integer(1001);
  no_sizes.text("little_endian").boolean(true).op('u');
  EXPECT_ERROR(describe_bytes(two_storages().info(no_sizes.stop()).build()), ErrorKind::kContainer,
               "sizes of types");
  // Big-endian machines wrote little-endian elements, too.
  const auto big = describe_bytes(two_storages().info(testing::system_info(1001, false)).build());
  ASSERT_OK(big);
  EXPECT_EQ(big->byte_order(), ByteOrder::kLittle);
}

TEST(LegacyStream, EveryPrefixIsRefused) {  // L05
  const std::string bytes = two_storages().build();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(describe_bytes(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_ERROR(describe_bytes(bytes.substr(0, bytes.size() - 1)), ErrorKind::kBounds,
               "only 7 bytes follow");
}

TEST(LegacyStream, AnotherOneMayFollow) {
  const std::string one = two_storages().build();
  const auto two = describe_bytes(one + one);
  ASSERT_OK(two);
  EXPECT_EQ(two->container().following(), one.size());
  EXPECT_ERROR(describe_bytes(one + "x"), ErrorKind::kContainer, "1 bytes that are no other");
  EXPECT_ERROR(describe_bytes(one + one.substr(0, 14)), ErrorKind::kContainer, "no other");
  EXPECT_ERROR(describe_bytes(one + std::string(20, '\0')), ErrorKind::kContainer, "no other");
}

// Tensors of slices are tensors of the whole storage, so that they share its memory.
TEST(LegacyStream, SlicesShareTheirStorage) {
  const auto with = [](const std::string& items) {
    return describe_bytes(StreamBuilder()
                              .object(PickleBuilder().empty_list().mark().raw(items).op('e').stop())
                              .storage("1", 6, std::string(24, 'x'))
                              .build());
  };
  const testing::Slice slice = {"2", 2, 3};
  const auto manifest = with(old_tensor("1", 6, {6}, {1}) + old_tensor("1", 6, {2}, {1}, 1, slice));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->storages().size(), 1u);
  EXPECT_EQ(manifest->tensors()[1].offset, 3);
  EXPECT_OK(with(old_tensor("1", 6, {3}, {1}, 0, slice) + old_tensor("1", 6, {1}, {1}, 2, slice)));
  EXPECT_ERROR(with(old_tensor("1", 6, {3}, {1}, 1, slice)), ErrorKind::kLayout,
               "storage holds 3");  // which lies in the storage, but not in the slice
  EXPECT_ERROR(
      with(old_tensor("1", 6, {3}, {1}, 0, slice) + old_tensor("1", 6, {2}, {1}, 0, {"2", 2, 2})),
      ErrorKind::kStorage, "it is two slices");
  EXPECT_ERROR(with(old_storage("1", 6, slice)), ErrorKind::kUnsupported, "by itself");
  EXPECT_OK(with(old_storage("1", 6, {"2", 0, 6})));
}

TEST(LegacyStream, AKeyIsASliceOrAStorage) {  // L06
  EXPECT_ERROR(describe_bytes(StreamBuilder()
                                  .object(PickleBuilder()
                                              .empty_list()
                                              .mark()
                                              .raw(old_tensor("1", 2, {1}, {1}, 0, {"2", 0, 1}))
                                              .raw(old_tensor("2", 1, {1}, {1}))
                                              .op('e')
                                              .stop())
                                  .storage("1", 2, "12345678")
                                  .storage("2", 1, "1234")
                                  .build()),
               ErrorKind::kStorage, "a slice and a storage");
}

TEST(LegacyStream, ModulesWithSourceAreRefused) {  // L07
  const auto with_class = [](std::string_view module, std::string_view name) {
    PickleBuilder p;
    p.mark().text("module").global(module, name).text("net.py").text("import os").tuple().op('Q');
    return describe_bytes(StreamBuilder().object(p.stop()).build());
  };
  EXPECT_ERROR(with_class("torch.nn.modules.linear", "Linear"), ErrorKind::kGlobal, "Linear");
  EXPECT_ERROR(with_class("collections", "OrderedDict"), ErrorKind::kPersId, "None or a slice");
}

}  // namespace
}  // namespace hardload
