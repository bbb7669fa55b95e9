// Not in BUILD: cuts that explain_cut and find_directory do not explain rightly yet.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/container/zip_cut.h"
#include "loader/container/zip_end.h"
#include "tests/container/bytes.h"
#include "tests/container/cuts.h"
#include "tests/container/other_tools.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::DescriptorFields;
using testing::expect_cut_behind;
using testing::expect_every_cut_is_explained;
using testing::RecordTweaks;
using testing::source_of;
using testing::ZipBuilder;

const RecordTweaks kWide = {.descriptor = [](DescriptorFields& f) { f.wide = true; }};

ZipBuilder three_records(std::size_t alignment, const RecordTweaks& tweaks) {
  return ZipBuilder(alignment)
      .add("model/data.pkl", std::string(100, 'p'), tweaks)
      .add("model/data/0", std::string(50, '0'), tweaks)
      .add("model/version", "3\n", tweaks);
}

TEST(ExplainEveryCut, InRecordsWithZip64Descriptors) {
  RecordTweaks deflated = kWide;
  deflated.deflate = true;
  expect_every_cut_is_explained(three_records(64, kWide).build());
  expect_every_cut_is_explained(three_records(64, deflated).build());
}

TEST(ExplainEveryCut, InATensorThatHoldsACheckpoint) {
  for (const char* folder : {"archive", "other"}) {
    const std::string inner =
        testing::CheckpointBuilder().folder(folder).pickle("inner").storage("0", "xyz").build();
    expect_every_cut_is_explained(ZipBuilder()
                                      .add("archive/data.pkl", "outer")
                                      .add("archive/data/0", inner)
                                      .add("archive/version", "3\n")
                                      .build());
  }
}

TEST(ExplainEveryCut, AmongManyRecords) {
  ZipBuilder zip;
  for (int i = 0; i < 30; ++i) zip.add("m/data/" + std::to_string(i), std::string(20, 'd'));
  expect_every_cut_is_explained(zip.build());
}

TEST(ExplainEveryCut, AmongManyEmptyRecords) {
  ZipBuilder zip;
  for (int i = 0; i < 10; ++i) zip.add("m/data/" + std::to_string(i), "");
  expect_every_cut_is_explained(zip.add("m/version", "3\n").build());
}

TEST(ExplainEveryCut, OfTheRealTorch) {
  int files = 0;
  for (const std::string& path : testing::golden_files()) {
    const std::string file = testing::read_file(path);
    if (file.size() > 3000) continue;
    expect_every_cut_is_explained(file);
    ASSERT_FALSE(HasFailure()) << path;
    ++files;
  }
  EXPECT_GE(files, 40);
}

TEST(ExplainEveryCut, InRecordsWithZip64Sizes) {
  const std::string data(50, 'd');
  const auto zip64 = testing::by_other_tool_with_local(data, [](testing::LocalFields& f) {
    f.bytes = f.stored_bytes = 0xFFFFFFFF;
    f.extra = testing::extra_field(1, testing::u64(50) + testing::u64(50));
  });
  expect_every_cut_is_explained(ZipBuilder(0)
                                    .add("m/a", data, zip64)
                                    .add("m/b", data, zip64)
                                    .add("m/c", data, zip64)
                                    .build());
}

TEST(ExplainEveryCut, InRecordsOfLongNames) {
  const std::string name = "m/" + std::string(2000, 'n');
  expect_every_cut_is_explained(ZipBuilder(0).add("m/a", "abc").add(name, "defg").build());
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
