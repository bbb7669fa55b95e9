// check_record_name passes the names of real archives and refuses each kind of unsafe name.

#include "loader/container/record_name.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kMax = 100;

TEST(CheckRecordName, PassesPlainNames) {
  const std::string names[] = {
      "model/data.pkl",
      "archive/data/0",
      "archive/.data/serialization_id",
      "archive/",  // a folder
      "a",
      "a/b/c/d/",
      "...",
      "a/..b/b../...",
      "with space/and-\"quotes\"",
      "modèle/数据/0",
      "\xf0\x9f\x94\xa5/data.pkl",  // four bytes of UTF-8
      "ab:c",
      "a:b/data.pkl",  // of torch.save("a:b.pt")
      "C:/data.pkl",   // N01: no drive letter, but the same as above
      std::string(kMax, 'n'),
  };
  for (const std::string& name : names) EXPECT_OK(check_record_name(name, kMax, 0)) << name;
}

TEST(CheckRecordName, RefusesUnsafeNames) {
  const struct {
    std::string name;
    std::string_view fault;
  } cases[] = {
      {"../data.pkl", "has a relative part"},       // N01
      {"model/../../x", "has a relative part"},     // N01
      {"model/..", "has a relative part"},          // N01
      {"..", "has a relative part"},                // N01
      {"/etc/passwd", "is absolute"},               // N01
      {"/", "is absolute"},                         // N01
      {"//server/share", "is absolute"},            // N01
      {"\\\\server\\share", "holds a backslash"},   // N01
      {"model\\data.pkl", "holds a backslash"},     // N01
      {"model/data.pkl\0x"s, "holds a NUL byte"},   // N02
      {"\0"s, "holds a NUL byte"},                  // N02
      {"model/\xff", "is not UTF-8"},               // N03
      {"model/\xc3", "is not UTF-8"},               // N03: cut short
      {"model/\xc0\xaf", "is not UTF-8"},           // N03: an overlong slash
      {"model/\xed\xa0\x80", "is not UTF-8"},       // N03: a surrogate
      {"", "is empty"},                             // N04
      {"model//data.pkl", "has an empty part"},     // N04
      {"model/data//", "has an empty part"},        // N04
      {"model/./data.pkl", "has a relative part"},  // N04
      {"./data.pkl", "has a relative part"},        // N04
      {".", "has a relative part"},                 // N04
  };
  for (const auto& c : cases) {
    const auto result = check_record_name(c.name, kMax, 77);
    EXPECT_ERROR(result, ErrorKind::kName, "the record's name " + std::string(c.fault)) << c.name;
    if (result.ok()) continue;
    EXPECT_EQ(result.error().record(), c.name);
    EXPECT_EQ(result.error().offset(), 77u);
  }
}

TEST(CheckRecordName, RefusesLongNames) {  // N04
  EXPECT_OK(check_record_name(std::string(kMax, 'n'), kMax, 77));
  EXPECT_ERROR(check_record_name(std::string(kMax + 1, 'n'), kMax, 77), ErrorKind::kLimit,
               "at byte 77: a record name takes 101 bytes, over max_record_name_bytes, 100");
  EXPECT_ERROR(check_record_name(std::string(65'535, '.'), kMax, 77), ErrorKind::kLimit);
}

}  // namespace
}  // namespace hardload
