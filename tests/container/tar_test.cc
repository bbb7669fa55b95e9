// TarArchive: what tar writers write, and nothing else. Files with one defect each, of the rows
// L10, are in data/malformed/.

#include "loader/container/tar.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "tests/support/matchers.h"
#include "tests/support/tar_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::tar_header;
using testing::TarBuilder;

Result<TarArchive> open(const std::string& bytes) {
  return TarArchive::open(testing::source_of(bytes));
}

TEST(TarArchive, ListsItsMembers) {
  const std::string bytes = TarBuilder()
                                .add("empty", "")
                                .add("block", std::string(512, 'b'))
                                .add("odd", "content", '\0')
                                .build();
  const auto archive = open(bytes);
  ASSERT_OK(archive);
  ASSERT_EQ(archive->members().size(), 3u);
  EXPECT_EQ(archive->find("empty")->bytes, 0u);
  EXPECT_EQ(archive->find("block")->header_offset, 512u);
  EXPECT_EQ(archive->find("block")->data_offset, 1024u);
  EXPECT_EQ(archive->find("odd")->data_offset, bytes.find("content"));
  EXPECT_EQ(archive->find("odd")->bytes, 7u);
  EXPECT_EQ(archive->find("Odd"), nullptr);
}

TEST(TarArchive, ReadsGnuHeadersAndPrefixes) {
  const std::string gnu = tar_header("a", 0, '0', {"ustar  \0", 8});
  ASSERT_OK(open(gnu + std::string(1024, '\0')));
  std::string header = tar_header("name", 0);
  header.replace(345, 6, "folder");
  unsigned sum = 0;
  for (const char c : "folder"s) sum += static_cast<unsigned char>(c);
  const std::string right = tar_header("name", 0, '0', {"ustar\00000", 8}, sum);
  header.replace(148, 8, right.substr(148, 8));
  const auto archive = open(header + std::string(1024, '\0'));
  ASSERT_OK(archive);
  EXPECT_NE(archive->find("folder/name"), nullptr);
}

TEST(TarArchive, ReadsTimesAndSizesOfPaxHeaders) {
  const auto with = [](std::string_view lines, std::string_view content) {
    return TarBuilder().pax(lines).raw(tar_header("a", 0)).fill(content).build();
  };
  const auto timed = open(TarBuilder().pax("16 mtime=1234.25\n").add("a", "abc").build());
  EXPECT_ERROR(timed, ErrorKind::kContainer, "malformed");  // the length is 17
  ASSERT_OK(open(TarBuilder().pax("17 mtime=1234.25\n").add("a", "abc").build()));
  const auto sized = open(with("9 size=5\n", "12345"));
  ASSERT_OK(sized);
  EXPECT_EQ(sized->find("a")->bytes, 5u);
  EXPECT_ERROR(open(with("13 size=9999\n", "12345")), ErrorKind::kBounds, "");
  for (const char* lines : {"9 size=x\n", "9 size=5\n9 size=5\n", "9 size=5", "11 size=5\n", "x\n",
                            "0 size=5\n", "99999999999999999999 a=b\n", "8 mtime5\n", "2 \n"}) {
    EXPECT_ERROR(open(with(lines, "12345")), ErrorKind::kContainer, "pax header is malformed");
  }
  EXPECT_ERROR(open(with("10 path=b\n", "")), ErrorKind::kUnsupported, "sets 'path'");
  EXPECT_ERROR(open(with("14 linkpath=b\n", "")), ErrorKind::kUnsupported, "sets 'linkpath'");
  EXPECT_ERROR(open(TarBuilder().pax("9 size=5\n").build()), ErrorKind::kContainer, "no member");
  EXPECT_ERROR(open(TarBuilder().pax("9 size=5\n").pax("9 size=5\n").build()),
               ErrorKind::kUnsupported, "does not write");
  EXPECT_ERROR(open(TarBuilder().pax(std::string(70'000, 'x')).build()), ErrorKind::kContainer,
               "too long");
}

TEST(TarArchive, RefusesWhatIsNoPlainFile) {
  for (const char type : "123456SLKgxVA"s) {
    EXPECT_FALSE(open(TarBuilder().add("a", "", type).add("b", "").build()).ok() && type != 'x');
    EXPECT_ERROR(open(TarBuilder().add("first", "").add("a", "", type).build()),
                 type == 'x' ? ErrorKind::kContainer : ErrorKind::kUnsupported, "");
  }
  EXPECT_ERROR(open(TarBuilder().add("../a", "").build()), ErrorKind::kName, "relative");
  EXPECT_ERROR(open(TarBuilder().add("", "").build()), ErrorKind::kName, "empty");
  EXPECT_ERROR(open(TarBuilder().add("a", "").add("a", "").build()), ErrorKind::kName, "one name");
}

TEST(TarArchive, EveryByteBelongsToSomething) {
  const std::string good = TarBuilder().add("a", "12345").build();
  for (const std::size_t at : {512u + 5, 1023u, 1024u, 2047u}) {
    std::string bad = good;
    bad[at] = 'x';
    EXPECT_ERROR(open(bad), ErrorKind::kContainer, "");
  }
  EXPECT_ERROR(open(TarBuilder().add("a", "").build(512)), ErrorKind::kContainer, "512 bytes");
  EXPECT_ERROR(open(TarBuilder().add("a", "").build(2 << 20)), ErrorKind::kContainer, "of zeros");
  EXPECT_OK(open(TarBuilder().add("a", "").build(1 << 20)));
}

TEST(TarArchive, EveryPrefixAndEveryByteOfAHeaderCounts) {
  const std::string good = TarBuilder().add("a", "12345").build();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(open(good.substr(0, size)).ok()) << size;
  }
  for (std::size_t at = 0; at < 512; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    const bool is_end_of_sum = at == 154 || at == 155;  // NUL or space: what ends the digits
    EXPECT_TRUE(is_end_of_sum || !open(bad).ok()) << at;
  }
}

TEST(TarArchive, SizesAreNumbersThatFitTheFile) {
  for (const char* size : {"zzzzzzzzzzz", "00000000008", "-0000000001"}) {
    std::string header = tar_header("a", 0);
    unsigned sum = 0;
    for (std::size_t i = 0; i < 11; ++i) {
      sum += static_cast<unsigned char>(size[i]) - static_cast<unsigned>('0');
    }
    header.replace(148, 8, tar_header("a", 0, '0', {"ustar\00000", 8}, sum).substr(148, 8));
    header.replace(124, 11, size);
    EXPECT_ERROR(open(header + std::string(1024, '\0')), ErrorKind::kContainer, "no number");
  }
  EXPECT_ERROR(open(tar_header("a", 2000) + std::string(1024, '\0')), ErrorKind::kBounds,
               "2000 bytes, but only 1024 follow");
}

TEST(TarArchive, HasFewMembers) {
  TarBuilder tar;
  for (std::size_t i = 0; i < TarArchive::kMaxMembers; ++i) tar.add(std::to_string(i), "");
  EXPECT_OK(open(tar.build()));
  EXPECT_ERROR(open(tar.add("one more", "").build()), ErrorKind::kUnsupported, "more than 16");
}

}  // namespace
}  // namespace hardload
