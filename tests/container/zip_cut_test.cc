// explain_cut names the record in which a cut file stops, and how many bytes of it are there.

#include "loader/container/zip_cut.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/zip_archive.h"
#include "loader/container/zip_end.h"
#include "tests/container/bytes.h"
#include "tests/container/cuts.h"
#include "tests/container/other_tools.h"
#include "tests/container/sources.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::expect_cut_behind;
using testing::expect_cut_in;
using testing::expect_cut_nowhere;
using testing::source_of;
using testing::ZipBuilder;

constexpr std::size_t kBlock = 1 << 20;  // in which data is searched for descriptors

TEST(ExplainCut, NamesTheRecordOnlyIfItIsCut) {
  // "m/a" has its name at 30, its data at 33, its descriptor at 36; "m/b" begins at 52, has its
  // name at 82, its data at 85, its descriptor at 89; the directory begins at 105.
  const std::string file = ZipBuilder(0).add("m/a", "abc").add("m/b", "defg").build();
  const auto cut = [&](std::size_t size) { return std::string_view(file).substr(0, size); };
  expect_cut_nowhere(cut(0));
  expect_cut_nowhere(cut(32));
  expect_cut_in(cut(33), "m/a", 0);
  expect_cut_in(cut(34), "m/a", 1);
  expect_cut_in(cut(36), "m/a", 3);
  expect_cut_in(cut(51), "m/a", 18);
  expect_cut_behind(cut(52), "m/a");
  expect_cut_behind(cut(84), "m/a");
  expect_cut_in(cut(85), "m/b", 0);
  expect_cut_in(cut(104), "m/b", 19);
  expect_cut_behind(cut(105), "m/b");
  expect_cut_behind(cut(200), "m/b");
}

TEST(ExplainCut, KnowsTheSizeOfRecordsWithoutDescriptor) {
  const std::string file = ZipBuilder(0)
                               .add("a", "abc", testing::by_other_tool("abc"))
                               .add("b", "defg", testing::by_other_tool("defg"))
                               .build();
  const auto cut = [&](std::size_t size) { return std::string_view(file).substr(0, size); };
  expect_cut_in(cut(33), "a", 2);
  expect_cut_behind(cut(34), "a");
  expect_cut_behind(cut(64), "a");
  expect_cut_in(cut(65), "b", 0);
  expect_cut_in(cut(68), "b", 3);
  expect_cut_behind(cut(69), "b");
}

TEST(ExplainCut, NamesNoRecordWhereTheFileIsNoZip) {
  expect_cut_nowhere("no zip at all, but long enough to be one");
  expect_cut_nowhere(std::string(3000, '\0'));
  expect_cut_nowhere("x" + ZipBuilder(0).add("m/a", "abc").build());
  // A header whose name is none.
  expect_cut_nowhere(ZipBuilder(0).add("m/\xff", "abc").build().substr(0, 40));
  expect_cut_in(ZipBuilder(0).add("m/\xc3\xa9", "abc").build().substr(0, 40), "m/\xc3\xa9", 6);
}

TEST(ExplainCut, IsNotFooledByStructuresInTensorData) {
  std::string data = "PK\x03\x04 as it may stand there by chance, with a tail of some length";
  data += ZipBuilder(0).add("model/0", "xyz").add("other/0", "xyz").build();
  for (int i = 0; i < 50; ++i) data += "PK\x07\x08";
  data += std::string("PK\x07\x08") + std::string(100, '\0');
  const std::string file = ZipBuilder()
                               .add("model/data.pkl", "abc")
                               .add("model/data/0", data)
                               .add("model/1", "1")
                               .build();
  const MemorySource source = source_of(file);
  const auto archive = ZipArchive::open(source, {});
  ASSERT_OK(archive);
  const Record& record = *archive->find("model/data/0");
  for (std::uint64_t present = 0; present <= data.size(); present += 13) {
    expect_cut_in(std::string_view(file).substr(0, record.data_offset + present), record.name,
                  present);
  }
  expect_cut_in(std::string_view(file).substr(0, archive->find("model/1")->data_offset), "model/1",
                0);
}

TEST(ExplainCut, FindsDescriptorsAcrossBlocks) {
  for (std::size_t size = 2 * kBlock - 17; size <= 2 * kBlock + 1; ++size) {
    const std::string file =
        ZipBuilder(0).add("m/a", std::string(size, 'a')).add("m/b", "defg").build();
    const std::size_t end = 33 + size + 16;
    expect_cut_in(std::string_view(file).substr(0, end - 1), "m/a", size + 15);
    expect_cut_behind(std::string_view(file).substr(0, end), "m/a");
    expect_cut_in(std::string_view(file).substr(0, end + 34), "m/b", 1);
  }
}

TEST(ExplainCut, CountsTheBytesOfLargeRecords) {
  const std::string file =
      ZipBuilder(0).add("m/a", "abc").add("m/b", std::string(3 * kBlock, 'b')).build();
  for (const std::size_t present : {kBlock - 1, kBlock, kBlock + 1, 3 * kBlock - 1}) {
    expect_cut_in(std::string_view(file).substr(0, 85 + present), "m/b", present);
  }
}

TEST(ExplainCut, FollowsLargeRecords) {
  ZipBuilder zip(0);
  for (int i = 0; i < 4; ++i) zip.add("m/data/" + std::to_string(i), std::string(kBlock, 'd'));
  const std::string file = zip.build();
  const std::size_t record = 30 + 8 + kBlock + 16;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t data = i * record + 38;
    expect_cut_in(std::string_view(file).substr(0, data + 7), "m/data/" + std::to_string(i), 7);
  }
}

// The end of an empty record is searched for in all that follows it.
TEST(ExplainCut, ReadsInProportionToTheFile) {
  ZipBuilder zip(0);
  for (int i = 0; i < 4000; ++i) zip.add("m/a", "");
  const std::string file = zip.build();
  const testing::CountingSource source(file);
  EXPECT_EQ(explain_cut(source).kind(), ErrorKind::kContainer);
  EXPECT_GT(source.bytes_read(), 4000u * 30u);
  EXPECT_LT(source.bytes_read(), 100 * file.size());
}

// The end of the first record would be byte 0 again, in 64 bits.
TEST(ExplainCut, ComesToAnEndWhereSizesWrap) {
  for (const std::uint64_t size : {~std::uint64_t{0}, ~std::uint64_t{0} - 52}) {
    const auto tweaks = testing::by_other_tool_with_local("abc", [&](testing::LocalFields& f) {
      f.bytes = f.stored_bytes = 0xFFFFFFFF;
      f.extra = testing::extra_field(1, testing::u64(size) + testing::u64(size));
    });
    const std::string file = ZipBuilder(0).add("m/a", "abc", tweaks).build().substr(0, 54);
    expect_cut_in(file, "m/a", 1);
  }
}

TEST(ExplainCut, IsWhatFindDirectorySaysOfACutFile) {
  const std::string file = ZipBuilder(0).add("m/a", std::string(50, 'a')).build();
  EXPECT_ERROR(find_directory(source_of(std::string_view(file).substr(0, 60)), {}),
               ErrorKind::kContainer,
               "in record 'm/a' at byte 60 of the file: the zip file is cut short: it has 60 bytes "
               "and no end record; it stops after 27 bytes of this record");
  EXPECT_ERROR(
      find_directory(source_of(std::string_view(file).substr(0, 110)), {}), ErrorKind::kContainer,
      "at byte 110: the zip file is cut short: it has 110 bytes and no end record; it stops "
      "behind the record 'm/a', which is whole");
}

TEST(ExplainCut, SaysWhatItCanWhereReadingFails) {
  const std::string file = ZipBuilder(0).add("m/a", "abc").build().substr(0, 36);
  const auto record_of_cut = [&](int reads) {
    const Error error = explain_cut(testing::FailingSource(file, reads));
    EXPECT_EQ(error.kind(), ErrorKind::kContainer);
    EXPECT_EQ(error.offset(), file.size());
    return error.record();
  };
  EXPECT_EQ(record_of_cut(0), "");
  EXPECT_EQ(record_of_cut(10), "m/a");
}

TEST(ExplainCut, TellsAnEmptyRecordByTheDirectoryBehindIt) {
  const std::string file = ZipBuilder(0).add("m/a", "a").add("m/b", "").build();
  constexpr std::size_t kDirectoryAt = (33 + 1 + 16) + 33;
  expect_cut_behind(std::string_view(file).substr(0, kDirectoryAt + 46), "m/b");
  expect_cut_behind(std::string_view(file).substr(0, kDirectoryAt + 49), "m/b");
}

// The archive in the tensor has a zip64 locator, as all of torch's have.
TEST(FindDirectory, NamesTheRecordThatIsCutBehindAnArchiveInIt) {
  const std::string inner = testing::CheckpointBuilder().folder("other").build();
  const std::string file =
      ZipBuilder(0).add("m/a", inner + std::string(100, 'x')).add("m/b", "b").build();
  ASSERT_OK(find_directory(source_of(file), {}));
  for (const std::size_t behind : {1u, 50u}) {
    EXPECT_ERROR(
        find_directory(source_of(std::string_view(file).substr(0, 33 + inner.size() + behind)), {}),
        ErrorKind::kContainer, "in record 'm/a' at byte")
        << behind;
  }
}

}  // namespace
}  // namespace hardload::zip
