// Tars of torch 0.1: numbers for tensors and storages. More that is malformed is in
// data/malformed/, rows L10.

#include "loader/manifest/tar_checkpoint.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/support/old_formats.h"
#include "tests/support/tar_builder.h"

namespace hardload {
namespace {

using testing::int64_bytes;
using testing::PickleBuilder;

std::string count(std::int64_t number) { return PickleBuilder().integer(number).stop(); }

std::string storage(std::int64_t number, const std::string& elements) {
  PickleBuilder p;
  p.mark().integer(number).text("cpu").global("torch", "FloatStorage").tuple();
  return p.stop() + int64_bytes(static_cast<std::int64_t>(elements.size() / 4)) + elements;
}

// Of rank 1.
std::string tensor(std::int64_t number, std::int64_t of, std::int64_t size,
                   std::int64_t offset = 0) {
  PickleBuilder p;
  p.mark().integer(number).integer(of).global("torch", "FloatTensor").tuple();
  return p.stop() + std::string("\1\0\0\0junk", 8) + int64_bytes(size) + int64_bytes(1) +
         int64_bytes(offset);
}

struct Tar {
  std::string storages =
      count(1) + storage(3, "aaaabbbbcccc") + PickleBuilder().empty_list().stop();
  std::string tensors = count(1) + tensor(7, 3, 3);
  std::string pickle = PickleBuilder().empty_list().text("7").op('Q').op('a').stop();

  std::string build() const {
    return testing::TarBuilder()
        .add("sys_info", testing::system_info(1000))
        .add("pickle", pickle)
        .add("tensors", tensors)
        .add("storages", storages)
        .build();
  }
};

TEST(TarCheckpoint, NumbersAreTensorsAndStorages) {
  Tar tar;
  tar.tensors = count(2) + tensor(7, 3, 2, 1) + tensor(8, 3, 3);
  tar.pickle = PickleBuilder()
                   .empty_list()
                   .mark()
                   .text("7")
                   .op('Q')
                   .integer(8)
                   .op('Q')
                   .text("7")
                   .op('Q')
                   .text("3")
                   .op('Q')
                   .op('e')
                   .stop();
  const std::string bytes = tar.build();
  const auto manifest = testing::describe_bytes(bytes);
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->container().format(), Format::kTar);
  EXPECT_EQ(manifest->container().version(), 1000u);
  ASSERT_EQ(manifest->storages().size(), 1u);
  EXPECT_EQ(manifest->storages()[0].key, "3");
  EXPECT_EQ(manifest->storages()[0].location, "cpu");
  EXPECT_EQ(manifest->storages()[0].record->data_offset, bytes.find("aaaabbbb"));
  ASSERT_EQ(manifest->tensors().size(), 2u);
  EXPECT_EQ(manifest->tensors()[0].offset, 1);
  ASSERT_EQ(manifest->named_tensors().size(), 3u);
  EXPECT_EQ(manifest->named_tensors()[2].tensor, manifest->named_tensors()[0].tensor);
  EXPECT_EQ(manifest->root().item(3).kind(), ValueKind::kStorage);
  EXPECT_EQ(manifest->root().item(3).number(), 0u);
}

TEST(TarCheckpoint, SlicesShareTheirStorage) {
  const auto with = [](const std::vector<std::int64_t>& slice, std::int64_t size) {
    Tar tar;
    tar.storages = count(1) + storage(3, "aaaabbbbcccc") +
                   PickleBuilder().empty_list().integers(slice).op('a').stop();
    tar.tensors = count(1) + tensor(7, 5, size, 0);
    return testing::describe_bytes(tar.build());
  };
  const auto manifest = with({5, 3, 1, 2}, 2);
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->tensors()[0].offset, 1);
  EXPECT_EQ(manifest->storages()[0].bytes, 12u);
  EXPECT_ERROR(with({5, 3, 1, 2}, 3), ErrorKind::kLayout, "");
  EXPECT_ERROR(with({5, 3, 2, 2}, 1), ErrorKind::kStorage, "but the storage has 3");
  EXPECT_ERROR(with({5, 4, 0, 1}, 1), ErrorKind::kStorage, "not there");
  EXPECT_ERROR(with({3, 3, 0, 1}, 1), ErrorKind::kStorage, "");
  EXPECT_ERROR(with({5, 3, 0}, 1), ErrorKind::kContainer, "torch 0.1 wrote");
}

TEST(TarCheckpoint, ATensorIsNotChangedByTheObject) {
  Tar tar;
  tar.pickle = PickleBuilder().text("7").op('Q').empty_dict().op('b').stop();
  EXPECT_ERROR(testing::describe_bytes(tar.build()), ErrorKind::kLayout, "changed by BUILD");
}

TEST(TarCheckpoint, OfOtherMembersIsNone) {
  const auto tar = [](const std::string& name) {
    return testing::describe_bytes(testing::TarBuilder().add(name, "").build());
  };
  EXPECT_ERROR(tar("pickle"), ErrorKind::kUnsupported, "an archive of files");
  EXPECT_ERROR(tar("model.pt"), ErrorKind::kUnsupported, "an archive of files");
}

TEST(TarCheckpoint, EveryPrefixOfItsMembersIsRefused) {
  const Tar whole;
  for (std::string Tar::*member : {&Tar::storages, &Tar::tensors, &Tar::pickle}) {
    for (std::size_t size = 0; size < (whole.*member).size(); ++size) {
      Tar cut;
      (cut.*member).resize(size);
      EXPECT_FALSE(testing::describe_bytes(cut.build()).ok()) << size;
    }
    Tar longer;
    longer.*member += "x";
    EXPECT_ERROR(testing::describe_bytes(longer.build()), ErrorKind::kContainer, "1 bytes follow");
  }
}

}  // namespace
}  // namespace hardload
