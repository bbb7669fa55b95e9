// explain_cut names the right record and count wherever a file is cut.

#include <string>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/container/cuts.h"
#include "tests/container/other_tools.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::by_other_tool;
using testing::DescriptorFields;
using testing::expect_every_cut_is_explained;
using testing::RecordTweaks;
using testing::ZipBuilder;

ZipBuilder three_records(std::size_t alignment, const RecordTweaks& tweaks) {
  return ZipBuilder(alignment)
      .add("model/data.pkl", std::string(100, 'p'), tweaks)
      .add("model/data/0", std::string(50, '0'), tweaks)
      .add("model/version", "3\n", tweaks);
}

TEST(ExplainEveryCut, InRecordsWithDescriptors) {
  expect_every_cut_is_explained(three_records(64, {}).build());
  expect_every_cut_is_explained(three_records(0, {}).build());
  expect_every_cut_is_explained(three_records(64, {.deflate = true}).build());
}

TEST(ExplainEveryCut, InRecordsWithoutDescriptors) {
  const std::string data(100, 'd');
  expect_every_cut_is_explained(ZipBuilder(0)
                                    .add("m/data.pkl", data, by_other_tool(data))
                                    .add("m/data/0", data, by_other_tool(data, true))
                                    .add("m/data/1", "abc", by_other_tool("abc"))
                                    .build());
}

TEST(ExplainEveryCut, BetweenEmptyRecords) {  // C11
  const std::string text(40, 't');
  const std::string contents[][3] = {{"", "", text}, {"", text, text}, {text, "", text}};
  for (const auto& [first, second, third] : contents) {
    for (const std::size_t alignment : {0u, 64u}) {
      expect_every_cut_is_explained(
          ZipBuilder(alignment).add("m/a", first).add("m/b", second).add("m/c", third).build());
    }
    expect_every_cut_is_explained(ZipBuilder(0)
                                      .add("m/a", first, by_other_tool(first))
                                      .add("m/b", second, by_other_tool(second))
                                      .add("m/c", third, by_other_tool(third))
                                      .build());
  }
}

TEST(ExplainEveryCut, BehindEmptyRecordsWithDescriptors) {
  const RecordTweaks present = {.descriptor = [](DescriptorFields& f) { f.present = true; }};
  expect_every_cut_is_explained(
      ZipBuilder().add("m/a", "", present).add("m/b", "b").add("m/c", "", present).build());
}

TEST(ExplainEveryCut, InATensorThatHoldsACheckpointAmongOtherBytes) {
  const std::string inner = testing::CheckpointBuilder().folder("archive").build();
  expect_every_cut_is_explained(ZipBuilder()
                                    .add("archive/data.pkl", "outer")
                                    .add("archive/data/0", "some" + inner + "bytes")
                                    .add("archive/version", "3\n")
                                    .build());
}

const RecordTweaks kWide = {.descriptor = [](DescriptorFields& f) { f.wide = true; }};

TEST(ExplainEveryCut, InRecordsWithZip64Descriptors) {
  RecordTweaks deflated = kWide;
  deflated.deflate = true;
  expect_every_cut_is_explained(three_records(64, kWide).build());
  expect_every_cut_is_explained(three_records(64, deflated).build());
}

TEST(ExplainEveryCut, InATensorThatHoldsACheckpoint) {
  // Of the same folder, they would be taken for the records behind an empty one.
  const std::string inner =
      testing::CheckpointBuilder().folder("other").pickle("inner").storage("0", "xyz").build();
  expect_every_cut_is_explained(ZipBuilder()
                                    .add("archive/data.pkl", "outer")
                                    .add("archive/data/0", inner)
                                    .add("archive/version", "3\n")
                                    .build());
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
  for (const std::string& path : testing::golden_archives()) {
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

}  // namespace
}  // namespace hardload::zip
