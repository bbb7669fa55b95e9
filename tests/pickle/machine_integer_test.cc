// LONG1 and LONG4: two's complement integers of every width, as Python reads them.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "loader/pickle/big_int.h"
#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

std::string long1(const std::string& bytes) {
  return PickleBuilder().op('\x8a').op(static_cast<char>(bytes.size())).raw(bytes).stop();
}

std::string long4(const std::string& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return PickleBuilder().op('\x8b').u32(size).raw(bytes).stop();
}

// The root's int, where it is one.
std::optional<std::int64_t> int_of(const std::string& pickle) {
  const auto graph = testing::run(pickle);
  if (!graph.ok() || graph->root.kind != ValueKind::kInt) return std::nullopt;
  return Value(*graph, graph->root).as_int();
}

TEST(MachineInteger, HasTheValueOfItsBytes) {
  struct Case {
    std::string bytes;
    std::int64_t value;
  };
  const Case cases[] = {
      {"", 0},
      {"\x00"s, 0},
      {"\x01", 1},
      {"\x7f", 127},
      {"\x80", -128},
      {"\xff", -1},
      {"\xff\x00"s, 255},
      {"\x00\x80"s, -32768},
      {"\x00\x00\x00\x80\x00"s, 2147483648},
      {"\xff\xff\xff\x7f\xff", -2147483649},
      {"\x01\x02\x03\x04\x05\x06\x07", 0x07060504030201},
      {"\xff\xff\xff\xff\xff\xff\xff\x7f", std::numeric_limits<std::int64_t>::max()},
      {"\x00\x00\x00\x00\x00\x00\x00\x80"s, std::numeric_limits<std::int64_t>::min()},
      {"\xfe\xff\xff\xff\xff\xff\xff\xff", -2},  // wider than need be
  };
  for (const auto& [bytes, value] : cases) {
    EXPECT_EQ(int_of(long1(bytes)), value);
    EXPECT_EQ(int_of(long4(bytes)), value);
  }
}

TEST(MachineInteger, OfEveryWidthFrom0To255) {
  for (std::size_t width = 0; width <= 255; ++width) {
    for (const char top : {'\x01', '\x7f', '\x80', '\xfe'}) {
      std::string bytes(width, '\x55');
      if (width > 0) bytes.back() = top;
      const auto graph = testing::run(long1(bytes));
      ASSERT_OK(graph);
      const Value value(*graph, graph->root);
      EXPECT_EQ(value.kind(), width <= 8 ? ValueKind::kInt : ValueKind::kBigInt) << width;
      EXPECT_EQ(testing::show(value), big_int_text(testing::as_bytes(bytes))) << width;
      EXPECT_EQ(testing::text_of(value.bytes()), width <= 8 ? "" : bytes);
    }
  }
}

TEST(MachineInteger, LargerThanInt64) {
  EXPECT_EQ(testing::result_of(long1("\x00\x00\x00\x00\x00\x00\x00\x80\x00"s)),
            "9223372036854775808");
  EXPECT_EQ(testing::result_of(long1("\xff\xff\xff\xff\xff\xff\xff\x7f\xff")),
            "-9223372036854775809");
}

TEST(MachineInteger, Long4OfManyBytes) {
  const std::string bytes = std::string(255, '\0') + '\1';  // 2^2040
  const auto graph = testing::run(long4(bytes));
  ASSERT_OK(graph);
  EXPECT_EQ(testing::text_of(Value(*graph, graph->root).bytes()), bytes);
}

// P12
TEST(MachineInteger, RefusesMoreBytesThanThereAre) {
  EXPECT_REFUSED(
      "\x80\x02\x8a\x09"
      "12345678"s,
      ErrorKind::kPickle, 2, "an integer of 9 bytes runs past the pickle");
  EXPECT_REFUSED("\x80\x02\x8a\xff."s, ErrorKind::kPickle, 2, "an integer of 255 bytes");
  EXPECT_REFUSED("\x80\x02\x8b\xff\xff\xff\x7f."s, ErrorKind::kPickle, 2,
                 "an integer of 2147483647 bytes");
  // A negative length to Python.
  EXPECT_REFUSED("\x80\x02\x8b\xff\xff\xff\xff."s, ErrorKind::kPickle, 2,
                 "an integer of 4294967295 bytes");
}

}  // namespace
}  // namespace hardload
