// ReadWindow lends no bytes that were never read.

#include <algorithm>

#include <gtest/gtest.h>

#include "loader/bytes/read_window.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// Fails once, at its second read.
class OnceFailingSource : public ByteSource {
 public:
  std::string_view name() const override { return "failing"; }
  std::uint64_t size() const override { return 1 << 20; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (++reads_ == 2) return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone").at(offset);
    std::ranges::fill(out, std::byte{'x'});
    return {};
  }

 private:
  mutable int reads_ = 0;
};

TEST(ReadWindow, IsEmptyAfterAFailure) {
  const OnceFailingSource source;
  ReadWindow window(source);
  ASSERT_OK(window.at(0, 4));
  EXPECT_ERROR(window.at(1000, 600), ErrorKind::kIo, "the disk is gone");
  const auto again = window.at(1000, 600);
  ASSERT_OK(again);
  EXPECT_TRUE(testing::text_of(*again) == std::string(600, 'x'));
}

}  // namespace
}  // namespace hardload
