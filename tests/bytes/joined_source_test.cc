// JoinedSource is each of its sources, one behind the other, and nothing between them.

#include "loader/bytes/joined_source.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/bytes/memory_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using Shared = std::shared_ptr<const ByteSource>;

Shared memory(const std::string& bytes, const std::string& name) {
  return std::make_shared<MemorySource>(testing::as_bytes(bytes), name);
}

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

const std::string kFirst = "0123456789", kSecond(5000, 'b'), kThird = "xyz";

std::shared_ptr<const JoinedSource> three() {
  return JoinedSource::make(
             "all", {memory(kFirst, "one"), memory(kSecond, "two"), memory(kThird, "three")})
      .value();
}

TEST(JoinedSource, ReadsEachWhereItBegins) {
  const auto joined = three();
  EXPECT_EQ(joined->name(), "all");
  EXPECT_EQ(joined->name_of(2), "three");
  EXPECT_EQ(joined->begin(0), 0u);
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_EQ(joined->begin(i) % ByteSource::kDirectUnit, 0u);
    EXPECT_GT(joined->begin(i), joined->begin(i - 1) + (1 << 20));
  }
  EXPECT_EQ(joined->size(), joined->begin(2) + 3);
  EXPECT_EQ(joined->allocated_bytes(), 5013u);
  EXPECT_EQ(read(*joined, 0, 10).value(), kFirst);
  EXPECT_EQ(read(*joined, 9, 1).value(), "9");
  EXPECT_EQ(read(*joined, joined->begin(1), 5000).value(), kSecond);
  EXPECT_EQ(read(*joined, joined->begin(2) + 1, 2).value(), "yz");
  EXPECT_EQ(read(*joined, joined->size(), 0).value(), "");
  EXPECT_TRUE(joined->is_cached(joined->begin(2)));
  EXPECT_OK(joined->check_unchanged());
}

TEST(JoinedSource, NoRangeCrossesFromOneToTheNext) {
  const auto joined = three();
  EXPECT_ERROR(read(*joined, 5, 6), ErrorKind::kBounds, "one");
  EXPECT_ERROR(read(*joined, 10, 1), ErrorKind::kBounds, "one");
  EXPECT_ERROR(read(*joined, joined->begin(1) - 1, 2), ErrorKind::kBounds, "one");
  EXPECT_ERROR(read(*joined, joined->begin(1), 5001), ErrorKind::kBounds, "two");
  EXPECT_ERROR(read(*joined, joined->size(), 1), ErrorKind::kBounds, "all");
  EXPECT_ERROR(read(*joined, ~std::uint64_t{0}, 2), ErrorKind::kBounds, "all");
}

TEST(JoinedSource, ErrorsCountInTheSourceThatTheyAreAbout) {
  const auto joined = three();
  const auto failed = read(*joined, joined->begin(1) + 4999, 2);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().source(), "two");
  EXPECT_EQ(failed.error().offset(), 4999u);
}

TEST(JoinedSource, LendsTheBytesOfOneAtATime) {
  const auto joined = three();
  EXPECT_TRUE(joined->view().empty());
  EXPECT_EQ(static_cast<const void*>(joined->view_at(0, 10).data()), kFirst.data());
  EXPECT_EQ(static_cast<const void*>(joined->view_at(joined->begin(1) + 7, 2).data()),
            kSecond.data() + 7);
  EXPECT_EQ(joined->view_at(joined->begin(2) + 3, 0).size(), 0u);
}

TEST(JoinedSource, ReadsFilesPastThePageCache) {
  const std::string bytes(10'000, 'q');
  const auto path = testing::write_temporary("direct", bytes);
  const auto joined =
      JoinedSource::make("all", {memory(kFirst, "one"), FileSource::open(path).value()}).value();
  constexpr std::size_t kUnit = ByteSource::kDirectUnit;
  auto* const block = static_cast<std::byte*>(std::aligned_alloc(kUnit, 2 * kUnit));
  EXPECT_OK(joined->read_direct(joined->begin(1) + 2 * kUnit, {block, 2 * kUnit}));
  EXPECT_EQ(testing::text_of({block, 10'000 - 2 * kUnit}), bytes.substr(2 * kUnit));
  // Where nothing is read, there need not be a source that could be asked.
  EXPECT_OK(joined->read_direct(joined->size(), {block, 0}));
  EXPECT_OK(joined->read_direct(joined->begin(1), {block, 0}));
  EXPECT_ERROR(joined->read_direct(joined->size() + 1, {block, 0}), ErrorKind::kBounds, "all");
  std::free(block);
}

TEST(JoinedSource, SeesThatAFileChanged) {
  const auto path = testing::write_temporary("changes", "before");
  const auto joined =
      JoinedSource::make("all", {FileSource::open(path).value(), memory(kFirst, "one")}).value();
  testing::write_temporary("changes", "afterwards");
  EXPECT_ERROR(joined->check_unchanged(), ErrorKind::kIo, "changes");
}

// A source of any size.
class Huge final : public ByteSource {
 public:
  std::string_view name() const override { return "huge"; }
  std::uint64_t size() const override { return ~std::uint64_t{0} / 2; }
  Result<void> read_at(std::uint64_t, std::span<std::byte>) const override { return {}; }
};

TEST(JoinedSource, SizesDoNotWrap) {
  const Shared huge = std::make_shared<Huge>();
  EXPECT_OK(JoinedSource::make("all", {huge}));
  EXPECT_ERROR(JoinedSource::make("all", {huge, huge}), ErrorKind::kLimit, "all");
  EXPECT_ERROR(JoinedSource::make("all", {huge, huge, huge}), ErrorKind::kLimit, "all");
}

TEST(JoinedSource, OfNone) {
  const auto joined = JoinedSource::make("none", {}).value();
  EXPECT_EQ(joined->size(), 0u);
  EXPECT_OK(read(*joined, 0, 0));
  EXPECT_ERROR(read(*joined, 0, 1), ErrorKind::kBounds, "none");
  EXPECT_TRUE(joined->view_at(0, 0).empty());
}

}  // namespace
}  // namespace hardload
