// escape_for_display: nothing that could fool a reader stays raw, nothing else changes, and the
// result reads back unambiguously.

#include "loader/base/escape.h"

#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "loader/base/utf8.h"

namespace hardload {
namespace {

std::string utf8(char32_t code) {
  std::string out;
  append_utf8(out, code);
  return out;
}

struct Case {
  std::string text, escaped;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(escape_for_display(c.text), c.escaped);
}

TEST(Escape, LeavesPrintableTextAlone) {
  for (const std::string text :
       {"", "layer1.0.conv.weight", " !\"#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", "Größe.ß",
        "模型.重み", "\U0001F600", "e\u0301", "\u05d0\u05d1", "\u00a0\u00a1", "\ufffd"}) {
    EXPECT_EQ(escape_for_display(text), text);
  }
}

TEST(Escape, OfEveryAsciiByte) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    const std::string escaped = escape_for_display(text);
    if (byte == '\\') {
      EXPECT_EQ(escaped, "\\\\");
    } else if (byte < 0x20 || byte == 0x7f) {
      const std::string digits = "0123456789abcdef";
      EXPECT_EQ(escaped, std::string("\\x") + digits[static_cast<std::size_t>(byte / 16)] +
                             digits[static_cast<std::size_t>(byte % 16)]);
    } else {
      EXPECT_EQ(escaped, text);
    }
  }
}

TEST(Escape, C1Controls) {
  for (std::uint32_t code = 0x80; code <= 0x9f; ++code) {
    const std::string escaped = escape_for_display(utf8(code));
    EXPECT_TRUE(escaped.starts_with("\\u{00") && escaped.size() == 8) << escaped;
  }
  check({{utf8(0x80), "\\u{0080}"}, {utf8(0x9b), "\\u{009b}"}, {utf8(0xa0), utf8(0xa0)}});
}

TEST(Escape, BidiControls) {
  check({{"a\u061cb", "a\\u{061c}b"},
         {"\u200e\u200f", "\\u{200e}\\u{200f}"},
         {"\u202a\u202b\u202c\u202d\u202e", "\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}"},
         {"\u2066\u2067\u2068\u2069", "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"}});
}

TEST(Escape, InvisibleCharacters) {
  check({{"a\u00adb", "a\\u{00ad}b"},             // soft hyphen
         {"a\u034fb", "a\\u{034f}b"},             // combining grapheme joiner
         {"\u115f\u1160", "\\u{115f}\\u{1160}"},  // Hangul fillers
         {"\u17b4\u180e", "\\u{17b4}\\u{180e}"},
         {"a\u200bb\u200c\u200d", "a\\u{200b}b\\u{200c}\\u{200d}"},
         {"\u2060\u2064", "\\u{2060}\\u{2064}"},
         {"\u3164\uffa0", "\\u{3164}\\u{ffa0}"},
         {"\ufe0e\ufe0f", "\\u{fe0e}\\u{fe0f}"},
         {"\ufeffa", "\\u{feff}a"}});  // byte order mark
}

TEST(Escape, LineSeparators) {
  check({{"a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"}, {"a\r\nb", "a\\x0d\\x0ab"}});
}

TEST(Escape, SurrogatesAndPrivateUse) {
  check({{"\xed\xa0\x80", "\\u{d800}"},
         {"\xed\xbf\xbf", "\\u{dfff}"},
         {"\xee\x80\x80", "\\u{e000}"},
         {"\uf8ff\uf900", "\\u{f8ff}\uf900"},
         {"\U000F0000\U0010FFFF", "\\u{0f0000}\\u{10ffff}"}});
}

TEST(Escape, TagsAndNoncharacters) {
  check({{"\U000E0041\U000E0100", "\\u{0e0041}\\u{0e0100}"},
         {"\ufff9\ufffb", "\\u{fff9}\\u{fffb}"},
         {"\xef\xbf\xbe\xef\xbf\xbf", "\\u{fffe}\\u{ffff}"}});
}

TEST(Escape, InvalidUtf8ByteByByte) {
  check({{"a\xff"
          "b",
          "a\\xffb"},
         {"\x80\xbf", "\\x80\\xbf"},
         {"\xc0\xaf", "\\xc0\\xaf"},  // overlong "/"
         {"\xe2\x80", "\\xe2\\x80"},  // cut
         {"\xe2\x80z", "\\xe2\\x80z"},
         {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above 0x10FFFF
         {"\xc3\xa9\xc3", "\u00e9\\xc3"}});
}

// The text "\x1b" and the byte 0x1b must not look the same.
TEST(Escape, BackslashKeepsTheResultUnambiguous) {
  check({{"\\x1b", "\\\\x1b"},
         {"\x1b", "\\x1b"},
         {"\\u{202e}", "\\\\u{202e}"},
         {"\\\\", "\\\\\\\\"}});
}

TEST(Escape, ShowsTextsOfTwoBytesAllDifferently) {
  std::set<std::string> seen;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      seen.insert(
          escape_for_display(std::string{static_cast<char>(first), static_cast<char>(second)}));
    }
  }
  EXPECT_EQ(seen.size(), 65536u);
}

// Whatever comes in, what goes out is UTF-8 without anything that escape_for_display would touch
// but its own backslashes.
TEST(Escape, ChangesNothingButBackslashesWhenAppliedAgain) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; code += code < 0x3000 ? 1 : 61) {
    const std::string once = escape_for_display(utf8(code));
    ASSERT_TRUE(is_utf8(once, /*allow_surrogates=*/false)) << code;
    std::string doubled;
    for (const char c : once) doubled += c == '\\' ? std::string("\\\\") : std::string(1, c);
    ASSERT_EQ(escape_for_display(once), doubled) << code;
  }
}

TEST(Escape, UnassignedPlanes) {
  EXPECT_EQ(escape_for_display("\U00040000"), "\\u{040000}");
  EXPECT_EQ(escape_for_display("\U000DFFFD"), "\\u{0dfffd}");
}

// Unicode's Default_Ignorable_Code_Point: shown as nothing at all.
TEST(Escape, InvisibleCharactersOfTheSupplementaryPlane) {
  EXPECT_EQ(escape_for_display("a\U0001BCA0b"), "a\\u{01bca0}b");
  EXPECT_EQ(escape_for_display("a\U0001D173b"), "a\\u{01d173}b");
  EXPECT_EQ(escape_for_display("a\U0001D17Ab"), "a\\u{01d17a}b");
}

TEST(Escape, Noncharacters) {
  EXPECT_EQ(escape_for_display("\ufdd0"), "\\u{fdd0}");
  EXPECT_EQ(escape_for_display("\U0001FFFE"), "\\u{01fffe}");
}

}  // namespace
}  // namespace hardload
