// decode_utf8 takes exactly the UTF-8 forms of the characters 0 to 0x10FFFF, surrogates included.

#include "loader/base/utf8.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace hardload {
namespace {

std::string encoded(char32_t code) {
  std::string out;
  append_utf8(out, code);
  return out;
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

bool decodes_whole(std::string_view text) {
  const auto decoded = decode_utf8(text);
  return decoded && decoded->length == text.size();
}

TEST(AppendUtf8, WritesTheFormsOfTheStandard) {
  EXPECT_EQ(encoded(0), bytes({0}));
  EXPECT_EQ(encoded(0x7f), bytes({0x7f}));
  EXPECT_EQ(encoded(0x80), bytes({0xc2, 0x80}));
  EXPECT_EQ(encoded(0x7ff), bytes({0xdf, 0xbf}));
  EXPECT_EQ(encoded(0x800), bytes({0xe0, 0xa0, 0x80}));
  EXPECT_EQ(encoded(0xd800), bytes({0xed, 0xa0, 0x80}));
  EXPECT_EQ(encoded(0xffff), bytes({0xef, 0xbf, 0xbf}));
  EXPECT_EQ(encoded(0x10000), bytes({0xf0, 0x90, 0x80, 0x80}));
  EXPECT_EQ(encoded(0x10ffff), bytes({0xf4, 0x8f, 0xbf, 0xbf}));
}

TEST(AppendUtf8, Appends) {
  std::string out = "a";
  append_utf8(out, 0xe9);
  append_utf8(out, 'b');
  EXPECT_EQ(out, "a\u00e9b");
}

TEST(DecodeUtf8, ReadsBackEveryCharacter) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    const std::string text = encoded(code) + "\x80 more";
    const auto decoded = decode_utf8(text);
    ASSERT_TRUE(decoded) << code;
    ASSERT_EQ(std::uint32_t{decoded->code}, code);
    ASSERT_EQ(decoded->length, code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u);
  }
}

// As each character reads back, forms in excess of the characters would be overlong or invalid.
TEST(DecodeUtf8, TakesNoOtherFormsOfOneToThreeBytes) {
  std::size_t one = 0, two = 0, three = 0;
  for (int a = 0; a < 256; ++a) {
    if (decodes_whole(bytes({a}))) ++one;
    for (int b = 0; b < 256; ++b) {
      std::string text = bytes({a, b});
      if (decodes_whole(text)) ++two;
      text += '\0';
      for (int c = 0; c < 256; ++c) {
        text[2] = static_cast<char>(c);
        if (decodes_whole(text)) ++three;
      }
    }
  }
  EXPECT_EQ(one, 0x80u);
  EXPECT_EQ(two, 0x800u - 0x80u);
  EXPECT_EQ(three, 0x10000u - 0x800u);
}

// All first and second bytes, and the third and fourth at the limits of what continues a form.
TEST(DecodeUtf8, TakesNoOtherFormsOfFourBytes) {
  constexpr int kEdges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      for (const int c : kEdges) {
        for (const int d : kEdges) {
          const auto continues = [](int byte) { return byte == 0x80 || byte == 0xbf; };
          const bool second = a == 0xf0   ? b >= 0x90 && b <= 0xbf
                              : a == 0xf4 ? b >= 0x80 && b <= 0x8f
                                          : a > 0xf0 && a < 0xf4 && b >= 0x80 && b <= 0xbf;
          ASSERT_EQ(decodes_whole(bytes({a, b, c, d})), second && continues(c) && continues(d))
              << a << " " << b << " " << c << " " << d;
        }
      }
    }
  }
}

TEST(DecodeUtf8, RefusesCutForms) {
  for (const std::uint32_t code : {0x80u, 0x7ffu, 0x800u, 0xd800u, 0xffffu, 0x10000u, 0x10ffffu}) {
    const std::string whole = encoded(code);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_utf8(whole.substr(0, size))) << code << " " << size;
    }
  }
}

TEST(DecodeUtf8, RefusesOverlongFormsAndLargeValues) {
  for (const std::string& text :
       {bytes({0xc0, 0x80}), bytes({0xc1, 0xbf}), bytes({0xe0, 0x80, 0x80}),
        bytes({0xe0, 0x9f, 0xbf}), bytes({0xf0, 0x80, 0x80, 0x80}), bytes({0xf0, 0x8f, 0xbf, 0xbf}),
        bytes({0xf4, 0x90, 0x80, 0x80}), bytes({0xf7, 0xbf, 0xbf, 0xbf}),
        bytes({0xf8, 0x88, 0x80, 0x80, 0x80}), bytes({0xfe}), bytes({0xff}), bytes({0x80})}) {
    EXPECT_FALSE(decode_utf8(text)) << text;
  }
}

TEST(IsSurrogate, HoldsForSurrogatesAlone) {
  for (const char32_t code : {0xd800u, 0xdbffu, 0xdc00u, 0xdfffu}) EXPECT_TRUE(is_surrogate(code));
  for (const char32_t code : {0x0u, 0xd7ffu, 0xe000u, 0x1d800u}) EXPECT_FALSE(is_surrogate(code));
}

TEST(IsUtf8, TakesText) {
  for (const std::string text : {"", "a", "seven b", "eight by", "nine byte", "Größe.模型.😀",
                                 "0123456789abcdefé0123456789abcdef"}) {
    EXPECT_TRUE(is_utf8(text, false)) << text;
    EXPECT_TRUE(is_utf8(text, true)) << text;
  }
}

TEST(IsUtf8, TakesSurrogatesOnlyWhereAskedFor) {
  const std::string text = "01234567" + encoded(0xd800) + "89";
  EXPECT_FALSE(is_utf8(text, false));
  EXPECT_TRUE(is_utf8(text, true));
}

// Names are read eight bytes at a time: a fault shows at each position of texts of each length.
TEST(IsUtf8, FindsAFaultAnywhere) {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = '\xff';
      EXPECT_FALSE(is_utf8(text, true)) << size << " " << at;
      text.replace(at, 1, "\u00e9");
      EXPECT_TRUE(is_utf8(text, false)) << size << " " << at;
    }
  }
}

TEST(IsUtf8, RefusesAFormThatTheEndCuts) {
  for (std::size_t size = 0; size <= 17; ++size) {
    EXPECT_FALSE(is_utf8(std::string(size, 'a') + bytes({0xf0, 0x9f, 0x98}), true)) << size;
  }
}

}  // namespace
}  // namespace hardload
