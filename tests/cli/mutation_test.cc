// V03: every prefix and every single-bit flip of a small file by the real torch: an error, or
// exactly the same result. Nothing in between: no wrong weight, no half of a file.

#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// All that inspect shows of the file, digests included; empty where it is refused.
std::string result_of(std::string_view bytes) {
  const Limits limits;
  const MemorySource source = testing::source_of(bytes);
  const auto manifest = describe(source, {.limits = limits});
  if (!manifest.ok()) {
    EXPECT_FALSE(manifest.error().display().empty());
    return "";
  }
  const auto digests = digest_tensors(source, *manifest, limits);
  if (!digests.ok()) return "";
  std::string text;
  write_inspect_json(*manifest, *digests, [&](std::string_view part) { text += part; });
  return text;
}

class Mutation : public ::testing::TestWithParam<const char*> {
 protected:
  std::string file_ = testing::read_file(std::string("data/golden/") + GetParam() + ".pt");
};

TEST_P(Mutation, EveryPrefixIsRefused) {
  for (std::size_t size = 0; size < file_.size(); ++size) {
    ASSERT_EQ(result_of(file_.substr(0, size)), "") << "prefix of " << size << " bytes";
  }
}

// A flipped bit may well give another file of this format: it has no checksums.
TEST(MutationOfSafetensors, EveryPrefixIsRefused) {
  for (const std::string& path : testing::golden_safetensors()) {
    const std::string file = testing::read_file(path);
    ASSERT_NE(result_of(file), "") << path;
    for (std::size_t size = 0; size < file.size(); ++size) {
      ASSERT_EQ(result_of(file.substr(0, size)), "") << path << ": prefix of " << size << " bytes";
    }
  }
}

TEST_P(Mutation, EveryBitFlipIsRefusedOrHarmless) {
  const std::string expected = result_of(file_);
  ASSERT_NE(expected, "");
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * file_.size(); ++bit) {
    file_[bit / 8] = static_cast<char>(file_[bit / 8] ^ (1 << (bit % 8)));
    const std::string result = result_of(file_);
    if (result.empty()) {
      ++refused;
      // What load refuses, verify finds, too.
      const auto report = verify(testing::source_of(file_), {});
      ASSERT_TRUE(report.ok() && !report->findings.empty()) << "bit " << bit;
    } else {
      ASSERT_EQ(result, expected) << "bit " << bit;
    }
    file_[bit / 8] = static_cast<char>(file_[bit / 8] ^ (1 << (bit % 8)));
  }
  // Padding, time stamps and versions of headers may change. That is less than half of a tiny file,
  // which is mostly padding.
  EXPECT_GT(refused, 8 * file_.size() / 3);
}

INSTANTIATE_TEST_SUITE_P(SmallFiles, Mutation,
                         ::testing::Values("state_linear", "view_conjugated", "shared_object",
                                           "checkpoint_for_training", "dtype_float8_e5m2"));

}  // namespace
}  // namespace hardload
