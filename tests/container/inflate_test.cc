// inflate fills its output exactly or says what is wrong with the stream, and writes nowhere else.

#include "loader/container/inflate.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;

struct Inflated {
  Result<void> result;
  std::string bytes;
};

// Inflates to `size` bytes that stand between guards.
Inflated inflate_to(std::string_view stream, std::size_t size) {
  constexpr std::size_t kGuard = 64;
  std::string memory(size + 2 * kGuard, '#');
  const auto out = std::as_writable_bytes(std::span(memory)).subspan(kGuard, size);
  Result<void> result = inflate(testing::as_bytes(stream), out);
  const std::string guard(kGuard, '#');
  EXPECT_EQ(memory.substr(0, kGuard), guard) << "wrote in front of its output";
  EXPECT_EQ(memory.substr(kGuard + size), guard) << "wrote behind its output";
  return {std::move(result), memory.substr(kGuard, size)};
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i * i) + (i % 7 == 0 ? "aaaaaaaaaa" : ",");
  return text;
}

TEST(Inflate, GivesTheContent) {
  const std::string streams[] = {
      "\x01\x05\x00\xfa\xffhello"s,                      // stored
      "\xcb\x48\xcd\xc9\xc9\x07\x00"s,                   // fixed codes
      "\x00\x02\x00\xfd\xffhe\x01\x03\x00\xfc\xffllo"s,  // two blocks
      "\x00\x00\x00\xff\xff\x01\x05\x00\xfa\xffhello"s,  // an empty block first
  };
  for (const std::string& stream : streams) {
    const auto [result, bytes] = inflate_to(stream, 5);
    EXPECT_OK(result);
    EXPECT_EQ(bytes, "hello");
  }
  const auto [result, bytes] = inflate_to(testing::deflated(long_text()), long_text().size());
  EXPECT_OK(result);
  EXPECT_EQ(bytes, long_text());
}

TEST(Inflate, GivesNothingFromAStreamOfNothing) { EXPECT_OK(inflate_to("\x03\x00"s, 0).result); }

TEST(Inflate, RefusesAnotherLength) {  // C05
  const std::string stream = testing::deflated(long_text());
  const std::size_t size = long_text().size();
  EXPECT_ERROR(inflate_to(stream, size + 1).result, ErrorKind::kContainer,
               "makes fewer than the declared " + std::to_string(size + 1) + " bytes");
  EXPECT_ERROR(inflate_to(stream, size - 1).result, ErrorKind::kContainer,
               "makes more than the declared " + std::to_string(size - 1) + " bytes");
  EXPECT_ERROR(inflate_to(stream, 0).result, ErrorKind::kContainer, "makes more than");
  EXPECT_ERROR(inflate_to("\x03\x00"s, 1).result, ErrorKind::kContainer, "makes fewer than");
}

TEST(Inflate, RefusesEveryPrefix) {  // C06
  const std::string streams[] = {"\x01\x05\x00\xfa\xffhello"s, "\xcb\x48\xcd\xc9\xc9\x07\x00"s};
  for (const std::string& stream : streams) {
    for (std::size_t size = 0; size < stream.size(); ++size) {
      EXPECT_ERROR(inflate_to(std::string_view(stream).substr(0, size), 5).result,
                   ErrorKind::kContainer, "the deflated data is malformed")
          << size;
    }
  }
}

TEST(Inflate, RefusesBytesAfterTheLastBlock) {  // C07
  const std::string stream = "\x01\x05\x00\xfa\xffhello"s;
  EXPECT_OK(inflate_to(stream, 5).result);
  EXPECT_ERROR(inflate_to(stream + "!", 5).result, ErrorKind::kContainer,
               "1 bytes follow the deflated data");
  EXPECT_ERROR(inflate_to(stream + stream, 5).result, ErrorKind::kContainer,
               "10 bytes follow the deflated data");
}

TEST(Inflate, RefusesBlocksWithoutEnd) {  // C07
  const std::string empty_block = "\x00\x00\x00\xff\xff"s;
  std::string stream;
  for (int i = 0; i < 10'000; ++i) stream += empty_block;
  EXPECT_ERROR(inflate_to(stream, 0).result, ErrorKind::kContainer, "malformed");
  EXPECT_OK(inflate_to(stream + "\x03\x00"s, 0).result);
}

TEST(Inflate, RefusesMalformedBlocks) {  // C06
  const struct {
    const char* what;
    std::string stream;
  } cases[] = {
      {"no bytes at all", ""s},
      {"the fourth block type", "\x07\x00"s},
      {"stored lengths that differ", "\x01\x05\x00\xfa\xfehello"s},
      {"stored bytes past the end", "\x01\x06\x00\xf9\xffhello"s},
      {"too many symbols", "\xfc\x00\x00"s},
      {"an over-full code of code lengths", "\x04\x00\xfe\xff"s},
      {"a repeat of no length", "\x04\x00\x24\x49\x00"s},
      {"a repeat past the last symbol", "\x04\x00\x24\xe9\xff\xff"s},
      {"an over-full code of literals",
       "\x04\x80\x49\x92\x24\x49\x92\x24\x71\xff\xff\x93\x11\x00"s},
      {"an over-full code of distances",
       "\x04\x80\x49\x92\x24\x49\x92\x24\x0f\xb4\xff\xff\xc3\x84"s},
      {"a distance code that is none", "\x02\x7e\xff\xff"s},
      {"a distance before the start", "\x0c\xc0\x81\x00\x00\x00\x00\x00\x90\xff\x6b\x04\x00"s},
  };
  for (const auto& c : cases) {
    EXPECT_ERROR(inflate_to(c.stream, 300).result, ErrorKind::kContainer,
                 "the deflated data is malformed")
        << c.what;
  }
}

}  // namespace
}  // namespace hardload
