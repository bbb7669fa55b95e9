// What describe() accepts keeps its promises, on every golden file and on views of many shapes.

#include "tests/manifest/invariants.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "tests/manifest/checkpoints.h"
#include "tests/support/files.h"

namespace hardload {
namespace {

using testing::PickleBuilder;

TEST(Invariants, HoldForAllGoldenFiles) {
  std::size_t tensors = 0;
  for (const std::string& path : testing::golden_files()) {
    const auto source = FileSource::open(path);
    ASSERT_OK(source);
    const auto manifest = describe(**source, {});
    ASSERT_OK(manifest) << path;
    EXPECT_EQ(testing::check_invariants(**source, *manifest), "") << path;
    tensors += manifest->tensors().size();
  }
  EXPECT_GT(tensors, 100u);
}

TEST(Invariants, HoldInMemoryAsInAFile) {
  for (const std::string& path : testing::golden_files()) {
    EXPECT_OK(testing::describe_bytes(testing::read_file(path))) << path;
  }
}

// The file that is looked at is another one than that which was described.
TEST(Invariants, TellARecordBehindTheEndOfTheFile) {
  const std::string file = testing::CheckpointBuilder()
                               .pickle(PickleBuilder().raw(testing::tensor()).stop())
                               .storage("0", std::string(24, '\1'))
                               .build();
  const auto manifest = describe(testing::source_of(file), {});
  ASSERT_OK(manifest);
  EXPECT_EQ(testing::check_invariants(testing::source_of(file), *manifest), "");
  const auto last_byte = manifest->storages()[0].record->data_offset + 23;
  const auto cut = std::string_view(file).substr(0, last_byte);
  EXPECT_EQ(testing::check_invariants(testing::source_of(cut), *manifest),
            "record 'model/data/0' ends after the file does");
}

}  // namespace
}  // namespace hardload
