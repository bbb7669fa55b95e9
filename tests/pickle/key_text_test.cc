// KeyText: keys have one text in common exactly if Python holds them to be equal. (How dicts are
// checked with it: tests/manifest/hashable_test.cc, tests/torch/save_test.cc.)

#include "loader/pickle/key_text.h"

#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hardload {
namespace {

template <typename Build>
std::string text_of(Build build, std::size_t serial = 0) {
  KeyText text(serial);
  build(text);
  return std::move(text).take();
}

std::string of_integer(const std::string& bytes) {
  return text_of([&](KeyText& text) { text.integer(bytes); });
}

TEST(KeyText, AnIntegerHasOneTextWhateverItsWidthAndType) {
  const auto of = [](std::int64_t value) {
    return text_of([&](KeyText& text) { text.integer(value); });
  };
  using namespace std::string_literals;
  EXPECT_EQ(of_integer(""), of(0));
  EXPECT_EQ(of_integer("\0\0"s), of(0));
  EXPECT_EQ(of_integer("\x80"), of(-128));
  EXPECT_EQ(of_integer("\x80\0"s), of(128));
  EXPECT_EQ(of_integer("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff"), of(-128));
  EXPECT_EQ(of_integer("\0\0\0\0\0\0\0\x80"s), of(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(of_integer(std::string(8, '\0') + "\x01"),
            text_of([](KeyText& text) { text.real(18446744073709551616.0); }));
  EXPECT_EQ(of(3), text_of([](KeyText& text) { text.complex(3, -0.0); }));
}

TEST(KeyText, HasTheSizeOfItsText) {
  KeyText text(0);
  EXPECT_EQ(text.size(), 0u);
  text.open_tuple(2);
  text.add('s', "abc");
  text.real(0.5);
  text.close_tuple();
  const std::size_t size = text.size();
  EXPECT_EQ(size, std::move(text).take().size());
}

TEST(KeyText, OthersDiffer) {
  const auto nan = [](KeyText& text) { text.real(std::numeric_limits<double>::quiet_NaN()); };
  const std::string texts[] = {
      text_of(nan),
      text_of(nan, 10),
      text_of([](KeyText& text) { text.complex(3, 1); }),
      text_of([](KeyText& text) { text.integer(3); }),
      text_of([](KeyText& text) { text.add('s', "3"); }),
      text_of([](KeyText& text) { text.add('b', "3"); }),
      text_of([](KeyText& text) {
        text.open_tuple(2);
        text.add('s', "a");
        text.add('s', "b");
        text.close_tuple();
      }),
      text_of([](KeyText& text) {
        text.open_tuple(1);
        text.add('s', "as1:b");
        text.close_tuple();
      }),
  };
  for (const std::string& a : texts) {
    for (const std::string& b : texts) EXPECT_EQ(a == b, &a == &b) << a;
  }
}

}  // namespace
}  // namespace hardload
