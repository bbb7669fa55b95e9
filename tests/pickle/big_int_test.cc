// big_int_text: the decimal text that Python prints, hexadecimal where Python refuses decimal.

#include "loader/pickle/big_int.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

using namespace std::string_literals;

std::string text_of(const std::string& bytes) { return big_int_text(testing::as_bytes(bytes)); }

// Texts and bytes by Python: n.to_bytes(length, "little", signed=True).
TEST(BigInt, HasTheTextThatPythonPrints) {
  struct Case {
    std::string bytes, text;
  };
  const Case cases[] = {
      {"", "0"},
      {"\x00"s, "0"},
      {"\x01", "1"},
      {"\xff", "-1"},
      {"\x7f", "127"},
      {"\x80", "-128"},
      {"\x80\x00"s, "128"},
      {"\x80\xff", "-128"},
      {"\xff\x00"s, "255"},
      {"\x00\x01"s, "256"},
      {"\x01\xff", "-255"},
      {"\x00\xff"s, "-256"},
      {"\xff\xfe", "-257"},
      {"\xff\xc9\x9a;", "999999999"},
      {"\x00\xca\x9a;"s, "1000000000"},
      {"\x01\xca\x9a;", "1000000001"},
      {"\x00\x00"
       "d\xa7\xb3\xb6\xe0\r"s,
       "1000000000000000000"},
      {"\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"},
      {"\x00\x00\x00\x00\x00\x00\x00\x80"s, "-9223372036854775808"},
      {"\x00\x00\x00\x00\x00\x00\x00\x80\x00"s, "9223372036854775808"},
      {"\xff\xff\xff\xff\xff\xff\xff\x7f\xff", "-9223372036854775809"},
      {"\x00\x00\x00\x00\x00\x00\x00\x00\x01"s, "18446744073709551616"},
      {"\x00\x00\x00\x00\x00\x00\x00\x00\xff"s, "-18446744073709551616"},
      {"\x00\x00\x00\xe8<\x80\xd0\x9f<.;\x03"s, "1000000000000000000000000000"},
      {"\x00\x00\x00\x18\xc3\x7f/`\xc3\xd1\xc4\xfc"s, "-1000000000000000000000000000"},
      {"\xd2\n?N\xee\xe0s\xc3\xf6\x0f\xe9\x8e\x01", "123456789012345678901234567890"},
      {std::string(15, '\0') + "\x80", "-170141183460469231731687303715884105728"},
      {std::string(16, '\0') + "\x01", "340282366920938463463374607431768211456"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(text_of(bytes), text);
}

TEST(BigInt, BytesThatOnlyRepeatTheSignChangeNothing) {
  for (std::size_t more = 1; more < 20; ++more) {
    EXPECT_EQ(text_of("\x05" + std::string(more, '\0')), "5");
    EXPECT_EQ(text_of("\xfb" + std::string(more, '\xff')), "-5");
    EXPECT_EQ(text_of(std::string(more, '\0')), "0");
    EXPECT_EQ(text_of(std::string(more, '\xff')), "-1");
  }
}

// The bytes of a decimal number, by multiplying.
std::string bytes_of(std::string_view digits) {
  std::string bytes = "\0"s;
  for (const char digit : digits) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (char& byte : bytes) {
      carry += 10u * static_cast<unsigned char>(byte);
      byte = static_cast<char>(carry);
      carry >>= 8;
    }
    if (carry != 0) bytes += static_cast<char>(carry);
  }
  return bytes + '\0';
}

std::string negated(std::string bytes) {
  unsigned carry = 1;
  for (char& byte : bytes) {
    carry += static_cast<unsigned char>(~byte);
    byte = static_cast<char>(carry);
    carry >>= 8;
  }
  return bytes;
}

TEST(BigInt, PowersOfTenUpToTheLastThatPythonPrints) {
  for (const std::size_t zeros :
       {0u, 1u, 8u, 9u, 10u, 17u, 18u, 19u, 27u, 100u, 1000u, 4298u, 4299u}) {
    const std::string power = "1" + std::string(zeros, '0');
    EXPECT_EQ(text_of(bytes_of(power)), power);
    EXPECT_EQ(text_of(negated(bytes_of(power))), "-" + power);
  }
}

TEST(BigInt, Of4300DigitsIsDecimal) {
  const std::string nines(4300, '9');
  EXPECT_EQ(text_of(bytes_of(nines)), nines);
  EXPECT_EQ(text_of(negated(bytes_of(nines))), "-" + nines);
}

TEST(BigInt, Of4301DigitsIsHexadecimal) {
  const std::string power = "1" + std::string(4300, '0');
  const std::string text = text_of(bytes_of(power));
  EXPECT_EQ(text.substr(0, 20), "0x1392bd7c2a1aa84a72");
  EXPECT_EQ(text.size(), 2 + 3572u);                          // of 14285 bits
  EXPECT_EQ(text.find_last_not_of('0'), text.size() - 1076);  // 10^4300 = 5^4300 * 16^1075
  EXPECT_EQ(text_of(negated(bytes_of(power))), "-" + text);
}

TEST(BigInt, OfManyBytesIsHexadecimal) {
  EXPECT_EQ(text_of(std::string(2000, '\0') + "\x0f"), "0xf" + std::string(4000, '0'));
  EXPECT_EQ(text_of(std::string(2000, '\0') + "\x10"), "0x10" + std::string(4000, '0'));
  EXPECT_EQ(text_of(std::string(2000, '\0') + "\xff"), "-0x1" + std::string(4000, '0'));
  EXPECT_EQ(text_of(std::string(2000, '\0') + "\x80"), "-0x80" + std::string(4000, '0'));
  EXPECT_EQ(text_of(std::string(2000, '\xff') + '\0'), "0x" + std::string(4000, 'f'));
  EXPECT_EQ(text_of("\x1a\x2b" + std::string(2000, '\0') + "\x01"),
            "0x1" + std::string(4000, '0') + "2b1a");
}

}  // namespace
}  // namespace hardload
