// explain_cut names the record in which a cut file stops, and how many bytes of it are there.

#include "loader/container/zip_cut.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/zip_archive.h"
#include "loader/container/zip_end.h"
#include "tests/container/other_tools.h"
#include "tests/container/sources.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::source_of;
using testing::ZipBuilder;

// That a file of the first `size` bytes of `file` is said to stop in the record `name`.
void expect_cut_in(std::string_view file, std::size_t size, std::string_view name,
                   std::uint64_t header_offset, std::uint64_t present) {
  const Error error = explain_cut(source_of(file.substr(0, size)));
  EXPECT_EQ(error.kind(), ErrorKind::kContainer);
  EXPECT_EQ(error.record(), name) << "cut at " << size;
  EXPECT_EQ(error.offset(), present) << "cut at " << size;
  EXPECT_EQ(error.problem(), "the zip file is cut short: it has " + std::to_string(size) +
                                 " bytes and no end record; it stops after " +
                                 std::to_string(present) +
                                 " bytes of this record, which begins at byte " +
                                 std::to_string(header_offset) + " of the file");
  EXPECT_NE(error.advice().find("fetch the file again"), std::string_view::npos);
}

void expect_cut_nowhere(std::string_view file) {
  const Error error = explain_cut(source_of(file));
  EXPECT_EQ(error.kind(), ErrorKind::kContainer);
  EXPECT_EQ(error.record(), "");
  EXPECT_EQ(error.offset(), file.size());
  EXPECT_EQ(error.problem(), "the zip file is cut short: it has " + std::to_string(file.size()) +
                                 " bytes and no end record");
}

// Cuts `file` wherever that leaves a whole name of the last header and no byte after its data.
void expect_every_cut_is_explained(const std::string& file) {
  const MemorySource source = source_of(file);
  const auto archive = ZipArchive::open(source, {});
  ASSERT_OK(archive);
  int cuts = 0;
  for (const Record& record : archive->records()) {
    const std::uint64_t named = record.header_offset + 30 + record.name.size();
    for (std::uint64_t size = named; size <= record.data_offset + record.stored_bytes; ++size) {
      const std::uint64_t present = size > record.data_offset ? size - record.data_offset : 0;
      expect_cut_in(file, size, record.name, record.header_offset, present);
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 100);
}

TEST(ExplainCut, NamesTheRecordAndItsBytes) {
  expect_every_cut_is_explained(ZipBuilder()
                                    .add("model/data.pkl", std::string(100, 'p'))
                                    .add("model/empty", "")
                                    .add("model/data/0", std::string(50, '0'))
                                    .add("model/data/1", std::string(500, '1'), {.deflate = true})
                                    .build());
}

TEST(ExplainCut, NamesTheRecordsOfOtherTools) {
  const std::string data(100, 'd');
  expect_every_cut_is_explained(ZipBuilder(0)
                                    .add("data.pkl", data, testing::by_other_tool(data))
                                    .add("folder/0", data, testing::by_other_tool(data))
                                    .add("other/1", data, testing::by_other_tool(data, true))
                                    .build());
}

TEST(ExplainCut, StaysWithTheRecordBeforeWhereAHeaderIsCut) {
  const std::string file = ZipBuilder(0).add("m/a", "abc").add("m/b", "defg").build();
  for (const std::size_t size : {52u, 60u, 82u, 84u}) {
    EXPECT_EQ(explain_cut(source_of(std::string_view(file).substr(0, size))).record(), "m/a");
  }
  EXPECT_EQ(explain_cut(source_of(std::string_view(file).substr(0, 85))).record(), "m/b");
}

TEST(ExplainCut, NamesNoRecordWhereTheFirstHeaderIsCut) {
  const std::string file = ZipBuilder().add("model/data.pkl", "abc").build();
  for (std::size_t size = 0; size < 30 + 14; ++size) {
    expect_cut_nowhere(std::string_view(file).substr(0, size));
  }
  expect_cut_in(file, 30 + 14, "model/data.pkl", 0, 0);
}

TEST(ExplainCut, NamesNoRecordWhereTheFileIsNoZip) {
  expect_cut_nowhere("no zip at all, but long enough to be one");
  expect_cut_nowhere(std::string(3000, '\0'));
}

TEST(ExplainCut, IsNotFooledByHeadersInTensorData) {
  std::string data = ZipBuilder(0).add("other/0", "xyz").add("Model/0", "xyz").build();
  data += "PK\x03\x04 as it may stand there by chance, with a tail of some length";
  data += std::string("PK\x03\x04") + std::string(40, '\0');
  // Headers of the right folder which no record of this format has.
  data += ZipBuilder(0)
              .add("model/\xff", "xyz")
              .add("model/x", "xyz", {.local = [](testing::LocalFields& f) { f.method = 99; }})
              .add("model/" + std::string(1100, 'x'), "xyz")
              .build();
  const std::string file =
      ZipBuilder().add("model/data.pkl", "abc").add("model/data/0", data).build();
  const MemorySource source = source_of(file);
  const auto archive = ZipArchive::open(source, {});
  ASSERT_OK(archive);
  const Record& record = *archive->find("model/data/0");
  for (std::uint64_t present = 0; present <= data.size(); present += 13) {
    expect_cut_in(file, record.data_offset + present, record.name, record.header_offset, present);
  }
}

TEST(ExplainCut, FindsHeadersFarFromTheEndAndAcrossBlocks) {
  // The search goes backwards in blocks of 1 MiB.
  constexpr std::size_t kBlock = 1 << 20;
  const std::string file = ZipBuilder(0)
                               .add("model/data.pkl", "abc")
                               .add("model/data/0", std::string(3 * kBlock, '0'))
                               .build();
  constexpr std::size_t kHeader = 30 + 14 + 3 + 16, kData = kHeader + 30 + 12;
  for (const std::size_t blocks : {1u, 2u}) {
    for (std::size_t within = 0; within <= kData - kHeader + 2; ++within) {
      const std::size_t size = kHeader + within + blocks * kBlock;
      expect_cut_in(file, size, "model/data/0", kHeader, size - kData);
    }
  }
}

TEST(ExplainCut, IsWhatFindDirectorySaysOfACutFile) {
  const std::string file = ZipBuilder(0).add("m/a", std::string(50, 'a')).build();
  EXPECT_ERROR(find_directory(source_of(std::string_view(file).substr(0, 60)), {}),
               ErrorKind::kContainer, "in record 'm/a' at byte 27: the zip file is cut short");
}

TEST(ExplainCut, SaysWhatItCanWhereReadingFails) {
  const std::string file = ZipBuilder(0).add("m/a", "abc").build().substr(0, 36);
  for (const int reads : {0, 1}) {
    const Error error = explain_cut(testing::FailingSource(file, reads));
    EXPECT_EQ(error.kind(), ErrorKind::kContainer);
    EXPECT_EQ(error.record(), "");
  }
  EXPECT_EQ(explain_cut(testing::FailingSource(file, 2)).record(), "m/a");
}

}  // namespace
}  // namespace hardload::zip
