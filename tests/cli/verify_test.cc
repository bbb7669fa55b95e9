// verify: findings, and work in proportion to what the file holds.

#include "loader/cli/verify.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/cli/digest.h"
#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

// A dict without tensors, beside `storages` of a mebibyte of zeros each.
CheckpointBuilder zeros(int storages, const testing::RecordTweaks& tweaks) {
  CheckpointBuilder file;
  file.pickle(PickleBuilder().empty_dict().stop());
  for (int i = 0; i < storages; ++i) {
    file.record("data/" + std::to_string(i), std::string(1 << 20, '\0'), tweaks);
  }
  return file;
}

TEST(Verify, FindsNothingInAGoodFile) {
  const auto report = verify(testing::source_of(zeros(3, {}).build()), {});
  ASSERT_OK(report);
  EXPECT_TRUE(report->findings.empty());
  EXPECT_EQ(report->unreferenced, 3u);
}

TEST(Verify, NamesADamagedPickleOnce) {
  std::string bytes = CheckpointBuilder().pickle(PickleBuilder().text("value").stop()).build();
  bytes[bytes.find("value")] = 'V';
  const auto report = verify(testing::source_of(bytes), {});
  ASSERT_OK(report);
  ASSERT_EQ(report->findings.size(), 1u);
  EXPECT_EQ(report->findings[0].kind(), ErrorKind::kChecksum);
}

// C04: each record alone is within the limit, all together are not.
TEST(Verify, CountsWhatAllRecordsInflateTo) {
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 2 << 20};
  const auto deflated = [](int storages) { return zeros(storages, {.deflate = true}).build(); };
  const auto one = verify(testing::source_of(deflated(1)), limits);
  ASSERT_OK(one);
  EXPECT_TRUE(one->findings.empty());
  const auto many = verify(testing::source_of(deflated(20)), limits);
  ASSERT_OK(many);
  ASSERT_EQ(many->findings.size(), 1u);
  EXPECT_EQ(many->findings[0].kind(), ErrorKind::kLimit);
}

// C04: what a pickle makes is many times its size, so less of it may come from one byte.
TEST(Verify, BoundsAnInflatedPickle) {
  const std::string lists = PickleBuilder().raw("](" + std::string(4 << 20, ']') + "e").stop();
  const std::string bytes =
      CheckpointBuilder().without("data.pkl").record("data.pkl", lists, {.deflate = true}).build();
  ASSERT_LT(bytes.size(), 20'000u);
  EXPECT_ERROR(describe(testing::source_of(bytes), {}), ErrorKind::kLimit, "over max_expansion");
}

// T19: one element of each storage is asked for, and all of each would be read.
TEST(Digest, CountsTheStoragesThatItReads) {
  PickleBuilder pickle;
  pickle.empty_list().mark();
  for (int i = 0; i < 20; ++i) {
    pickle.tensor("ByteStorage", std::to_string(i), 1 << 20, {1}, {1});
  }
  CheckpointBuilder file = zeros(20, {.deflate = true});
  const std::string bytes = file.pickle(pickle.op('e').stop()).build();
  const MemorySource source = testing::source_of(bytes);
  const auto manifest = describe(source, {});
  ASSERT_OK(manifest);
  EXPECT_OK(digest_tensors(source, *manifest, {}));
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 2 << 20};
  EXPECT_ERROR(digest_tensors(source, *manifest, limits), ErrorKind::kLimit, "max_expansion");
}

}  // namespace
}  // namespace hardload
