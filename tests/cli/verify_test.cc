// verify: findings, and work in proportion to what the file holds.

#include "loader/cli/verify.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
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

// The same indices are read for each tensor that is made of them.
TEST(Verify, CountsTheIndicesThatItReads) {
  const auto verify_tensors = [](int tensors) {
    PickleBuilder pickle;
    pickle.empty_list().mark();
    for (int i = 0; i < tensors; ++i) {
      pickle.global("torch._utils", "_rebuild_sparse_tensor").mark();
      pickle.global("torch.serialization", "_get_layout").mark().text("torch.sparse_coo");
      pickle.tuple().reduce().mark().tensor("LongStorage", "0", 8192, {1, 2}, {2, 1});
      pickle.tensor("FloatStorage", "1", 2, {2}, {1}).integers({4}).boolean(false).tuple();
      pickle.tuple().reduce();
    }
    const std::string bytes = CheckpointBuilder()
                                  .pickle(pickle.op('e').stop())
                                  .storage("0", std::string(8192 * 8, '\0'))
                                  .storage("1", std::string(8, '\0'))
                                  .build();
    return verify(testing::source_of(bytes), {.max_expansion = 10, .expansion_slack_bytes = 0});
  };
  const auto few = verify_tensors(5);
  ASSERT_OK(few);
  EXPECT_TRUE(few->findings.empty());
  const auto many = verify_tensors(20);
  ASSERT_OK(many);
  ASSERT_EQ(many->findings.size(), 1u);
  EXPECT_EQ(many->findings[0].kind(), ErrorKind::kLimit);
  EXPECT_NE(many->findings[0].problem().find("indices of sparse tensors"), std::string::npos);
}

// Fails at one of its reads.
class FailingSource final : public ByteSource {
 public:
  FailingSource(std::string_view bytes, int reads)
      : source_(testing::as_bytes(bytes), "test"), reads_(reads) {}
  std::string_view name() const override { return "failing"; }
  std::uint64_t size() const override { return source_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (reads_-- != 0) return source_.read_at(offset, out);
    return Error(ErrorKind::kIo, Stage::kBytes, "the disk is on fire");
  }

 private:
  MemorySource source_;
  mutable int reads_;
};

// A file that could not be read has not been verified, whatever was found before.
TEST(Verify, HandsOnErrorsOfReading) {
  const std::string bytes = zeros(2, {}).build();
  int reads = 0;
  for (; reads < 1000; ++reads) {
    const auto report = verify(FailingSource(bytes, reads), {});
    if (report.ok()) break;
    ASSERT_TRUE(testing::is_error(report, ErrorKind::kIo, "the disk is on fire")) << reads;
  }
  EXPECT_GT(reads, 5);
  EXPECT_LT(reads, 1000);
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
