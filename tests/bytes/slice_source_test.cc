// SliceSource is a part of a source, and nothing around it.

#include "loader/bytes/slice_source.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using Shared = std::shared_ptr<const ByteSource>;

Shared digits() {
  static const std::string bytes = "0123456789";
  return std::make_shared<MemorySource>(testing::as_bytes(bytes), "digits");
}

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(SliceSource, CountsFromItsBeginning) {
  const Shared slice = SliceSource::make(digits(), 3, 5).value();
  EXPECT_EQ(slice->name(), "digits");
  EXPECT_EQ(slice->size(), 5u);
  EXPECT_EQ(slice->allocated_bytes(), 5u);
  EXPECT_EQ(read(*slice, 0, 5).value(), "34567");
  EXPECT_EQ(read(*slice, 4, 1).value(), "7");
  EXPECT_EQ(slice->view().size(), 5u);
  EXPECT_EQ(static_cast<char>(slice->view()[0]), '3');
  EXPECT_OK(slice->check_unchanged());
}

// Has bytes and lends none.
class UnlentSource final : public ByteSource {
 public:
  std::string_view name() const override { return "unlent"; }
  std::uint64_t size() const override { return 10; }
  Result<void> read_at(std::uint64_t, std::span<std::byte>) const override { return {}; }
};

TEST(SliceSource, LendsNothingOfWhatIsNotLent) {
  const Shared slice = SliceSource::make(std::make_shared<UnlentSource>(), 3, 5).value();
  EXPECT_EQ(slice->size(), 5u);
  EXPECT_TRUE(slice->view().empty());
}

TEST(SliceSource, EndsWhereItEnds) {
  const Shared slice = SliceSource::make(digits(), 3, 5).value();
  EXPECT_ERROR(read(*slice, 0, 6), ErrorKind::kBounds, "the file ends at byte 5");
  EXPECT_ERROR(read(*slice, 6, 0), ErrorKind::kBounds, "the file ends at byte 5");
  EXPECT_ERROR(read(*slice, ~std::uint64_t{0}, 2), ErrorKind::kBounds, "");
}

TEST(SliceSource, LiesInsideOfTheWhole) {
  EXPECT_OK(SliceSource::make(digits(), 10, 0));
  EXPECT_OK(SliceSource::make(digits(), 0, 10));
  EXPECT_ERROR(SliceSource::make(digits(), 3, 8), ErrorKind::kBounds, "digits");
  EXPECT_ERROR(SliceSource::make(digits(), 11, 0), ErrorKind::kBounds, "digits");
  EXPECT_ERROR(SliceSource::make(digits(), 1, ~std::uint64_t{0}), ErrorKind::kBounds, "digits");
}

}  // namespace
}  // namespace hardload
