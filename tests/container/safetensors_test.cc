// SafetensorsFile opens what the reference writes, and refuses everything that has two readings.

#include "loader/container/safetensors.h"

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/container/bytes.h"
#include "tests/container/sources.h"
#include "tests/support/matchers.h"
#include "tests/support/safetensors_builder.h"

namespace hardload {
namespace {

using testing::member;
using testing::safetensors;
using testing::source_of;

Result<SafetensorsFile> open(const std::string& file, const Limits& limits = {}) {
  return SafetensorsFile::open(source_of(file), limits);
}

// A file of one tensor "w" with two bytes of data; `entry` is its value in the header.
std::string with_entry(std::string_view entry) {
  return safetensors(concat("{\"w\":", entry, "}"), "ab");
}

std::vector<std::int64_t> sizes(const SafetensorsFile& file, std::size_t i) {
  const auto all = file.sizes(file.tensors()[i]);
  return {all.begin(), all.end()};
}

TEST(Safetensors, ListsTensorsInTheOrderOfTheHeader) {
  const std::string header = "{" + member("b", "F32", "[2,1]", 0, 8) + "," +
                             member("a", "I64", "[]", 8, 16) + "," +
                             member("none", "U8", "[3,0]", 16, 16) + "}  ";
  const auto file = open(safetensors(header, std::string(16, 'x')));
  ASSERT_OK(file);
  EXPECT_EQ(file->format(), Format::kSafetensors);
  EXPECT_EQ(file->version(), std::nullopt);
  EXPECT_EQ(file->byte_order(), ByteOrder::kLittle);
  ASSERT_EQ(file->records().size(), 3u);
  EXPECT_EQ(file->storage_records(), 3u);
  const Record& a = file->records()[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.data_offset, 8 + header.size() + 8);
  EXPECT_EQ(a.bytes, 8u);
  EXPECT_EQ(a.stored_bytes, 8u);
  EXPECT_TRUE(a.lacks_crc32());
  EXPECT_EQ(file->tensors()[1].dtype, Dtype::kInt64);
  EXPECT_EQ(sizes(*file, 0), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(sizes(*file, 1), std::vector<std::int64_t>());
  EXPECT_EQ(sizes(*file, 2), (std::vector<std::int64_t>{3, 0}));
  EXPECT_EQ(file->storage("none"), &file->records()[2]);
  EXPECT_EQ(file->storage("other"), nullptr);
  EXPECT_TRUE(file->metadata().empty());
}

TEST(Safetensors, TakesTensorsAndFieldsInAnyOrder) {
  const auto file = open(safetensors("{" + member("b", "U8", "[2]", 1, 3) + "," +
                                         member("empty", "U8", "[0]", 1, 1) + "," +
                                         "\"a\":{\"data_offsets\":[0,1],\"shape\":[1],\"dtype\":"
                                         "\"I8\"}}",
                                     "xyz"));
  ASSERT_OK(file);
  EXPECT_EQ(file->records()[0].name, "b");
  EXPECT_EQ(file->records()[2].name, "a");
}

TEST(Safetensors, KeepsMetadataInItsOrder) {
  const auto file = open(safetensors("{\"__metadata__\":{\"z\":\"1\",\"a\\n\":\"\\u00e9\"}}"));
  ASSERT_OK(file);
  ASSERT_EQ(file->metadata().size(), 2u);
  EXPECT_EQ(file->metadata()[0].key, "z");
  EXPECT_EQ(file->metadata()[1].key, "a\n");
  EXPECT_EQ(file->metadata()[1].value, "\xc3\xa9");
  EXPECT_TRUE(file->records().empty());
}

TEST(Safetensors, OwnsWhatItLendsWhenMoved) {
  std::string bytes = safetensors(
      "{" + member("name", "U8", "[1]", 0, 1) + ",\"__metadata__\":{\"k\":\"v\"}}", "x");
  auto opened = open(bytes);
  ASSERT_OK(opened);
  const Record* record = &opened->records()[0];
  const SafetensorsFile file = *std::move(opened);
  bytes.assign(bytes.size(), '\0');
  EXPECT_EQ(file.storage("name"), record);
  EXPECT_EQ(record->name, "name");
  EXPECT_EQ(file.metadata()[0].value, "v");
}

TEST(Safetensors, KnowsEveryDtypeOfTheFormat) {
  const struct {
    const char* name;
    const char* shape;
    std::uint64_t bytes;
    Dtype dtype;
    std::vector<std::int64_t> sizes;
  } cases[] = {
      {"BOOL", "[2,3]", 6, Dtype::kBool, {2, 3}},
      {"U8", "[2,3]", 6, Dtype::kUInt8, {2, 3}},
      {"I8", "[2,3]", 6, Dtype::kInt8, {2, 3}},
      {"F8_E5M2", "[2,3]", 6, Dtype::kFloat8E5M2, {2, 3}},
      {"F8_E4M3", "[2,3]", 6, Dtype::kFloat8E4M3FN, {2, 3}},
      {"F8_E8M0", "[2,3]", 6, Dtype::kFloat8E8M0FNU, {2, 3}},
      {"F8_E4M3FNUZ", "[2,3]", 6, Dtype::kFloat8E4M3FNUZ, {2, 3}},
      {"F8_E5M2FNUZ", "[2,3]", 6, Dtype::kFloat8E5M2FNUZ, {2, 3}},
      {"I16", "[2,3]", 12, Dtype::kInt16, {2, 3}},
      {"U16", "[2,3]", 12, Dtype::kUInt16, {2, 3}},
      {"F16", "[2,3]", 12, Dtype::kFloat16, {2, 3}},
      {"BF16", "[2,3]", 12, Dtype::kBFloat16, {2, 3}},
      {"I32", "[2,3]", 24, Dtype::kInt32, {2, 3}},
      {"U32", "[2,3]", 24, Dtype::kUInt32, {2, 3}},
      {"F32", "[2,3]", 24, Dtype::kFloat32, {2, 3}},
      {"C64", "[2,3]", 48, Dtype::kComplex64, {2, 3}},
      {"F64", "[2,3]", 48, Dtype::kFloat64, {2, 3}},
      {"I64", "[2,3]", 48, Dtype::kInt64, {2, 3}},
      {"U64", "[2,3]", 48, Dtype::kUInt64, {2, 3}},
      // Two to an element of torch's; else bytes.
      {"F4", "[3,4]", 6, Dtype::kFloat4E2M1FNX2, {3, 2}},
      {"F4", "[0]", 0, Dtype::kFloat4E2M1FNX2, {0}},
      {"F4", "[4,3]", 6, Dtype::kUInt8, {6}},
      {"F6_E2M3", "[4]", 3, Dtype::kUInt8, {3}},
      {"F6_E3M2", "[2,4]", 6, Dtype::kUInt8, {6}},
  };
  for (const auto& c : cases) {
    const auto file = open(safetensors("{" + member("w", c.name, c.shape, 0, c.bytes) + "}",
                                       std::string(c.bytes, 'x')));
    ASSERT_OK(file) << c.name;
    EXPECT_EQ(file->tensors()[0].dtype, c.dtype) << c.name;
    EXPECT_EQ(sizes(*file, 0), c.sizes) << c.name;
  }
  for (const char* other : {"f32", "F32 ", "F128", "C128", "", "F8_E4M3FN", "BOOL\\u0000"}) {
    EXPECT_ERROR(open(safetensors("{" + member("w", other, "[1]", 0, 4) + "}", "xxxx")),
                 ErrorKind::kUnsupported, "no dtype");
  }
}

TEST(Safetensors, RefusesEntriesOfAnotherForm) {
  constexpr std::string_view kRest = ",\"shape\":[2],\"data_offsets\":[0,2]}";
  EXPECT_OK(open(with_entry(concat("{\"dtype\":\"U8\"", kRest))));
  const std::pair<std::string, std::string_view> wrong[] = {
      {"[\"U8\",[2],[0,2]]", "where an object should be"},
      {concat("{\"dtype\":8", kRest), "where a string should be"},
      {concat("{\"dtype\":\"U8\",\"dtype\":\"U8\"", kRest), "the field 'dtype', which is repeated"},
      {concat("{\"dtype\":\"U8\",\"strides\":[1]", kRest), "the field 'strides'"},
      {"{\"dtype\":\"U8\",\"shape\":[2]}", "no dtype, no shape or no data_offsets"},
      {"{\"dtype\":\"U8\",\"data_offsets\":[0,2]}", "no dtype, no shape or no data_offsets"},
      {"{\"shape\":[2],\"data_offsets\":[0,2]}", "no dtype, no shape or no data_offsets"},
      {"{\"dtype\":\"U8\",\"shape\":2,\"data_offsets\":[0,2]}", "where an array should be"},
      {"{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0]}", "less than two numbers"},
      {"{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2,2]}", "more than two numbers"},
      {"{}", "no dtype"},
      {"null", "where an object should be"},
  };
  for (const auto& [entry, part] : wrong) {
    EXPECT_ERROR(open(with_entry(entry)), ErrorKind::kContainer, part);
  }
  const auto named = open(with_entry("{}"));
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().record(), "w");
}

TEST(Safetensors, RefusesNamesAndMetadataThatAreRepeated) {
  const std::string w = member("w", "U8", "[2]", 0, 2);
  for (const std::string& twice : {w + "," + w, w + "," + member("\\u0077", "U8", "[2]", 0, 2),
                                   w + "," + member("w", "U8", "[0]", 2, 2)}) {
    EXPECT_ERROR(open(safetensors("{" + twice + "}", "ab")), ErrorKind::kContainer, "twice");
  }
  const std::pair<const char*, const char*> wrong[] = {
      {"{\"a\":\"1\",\"a\":\"1\"}", "the key 'a' twice"},
      {"{\"a\":\"1\"},\"__metadata__\":{}", "__metadata__ twice"},
      {"{\"a\":1}", "where a string should be"},
      {"{\"a\":null}", "where a string should be"},
      {"{\"a\":{}}", "where a string should be"},
      {"null", "where an object should be"},
  };
  for (const auto& [metadata, part] : wrong) {
    EXPECT_ERROR(open(safetensors(concat("{", w, ",\"__metadata__\":", metadata, "}"), "ab")),
                 ErrorKind::kContainer, part);
  }
}

TEST(Safetensors, RefusesSizesThatDoNotFitTheData) {
  const auto with = [](const char* dtype, const char* shape, std::uint64_t end = 2) {
    return open(safetensors("{" + member("w", dtype, shape, 0, end) + "}", "ab"));
  };
  EXPECT_OK(with("U8", "[2]"));
  EXPECT_OK(with("U8", "[1,2,1]"));
  EXPECT_ERROR(with("U8", "[3]"), ErrorKind::kLayout,
               "take 3 bytes, but data_offsets gives them 2");
  EXPECT_ERROR(with("U8", "[]"), ErrorKind::kLayout, "take 1 bytes");
  EXPECT_ERROR(with("U8", "[0]"), ErrorKind::kLayout, "take 0 bytes");
  EXPECT_ERROR(with("F4", "[5]"), ErrorKind::kLayout, "20 bits");
  EXPECT_ERROR(with("F6_E2M3", "[2]"), ErrorKind::kLayout, "12 bits");
  // F11: 2^63 * 2 + 2; 2^61 * 8 and 2 bytes more; a product that wraps to 2 bits more
  EXPECT_ERROR(with("U8", "[9223372036854775807,2,3]"), ErrorKind::kLayout, "overflows");
  EXPECT_ERROR(with("F64", "[2305843009213693953]"), ErrorKind::kLayout, "overflows");
  EXPECT_ERROR(with("U8", "[9223372036854775808]"), ErrorKind::kLayout, "over 63 bits");
  EXPECT_ERROR(with("U8", "[18446744073709551616]"), ErrorKind::kContainer, "more than 64 bits");
  EXPECT_ERROR(with("U8", "[0,9223372036854775807,9223372036854775807]", 0), ErrorKind::kLayout,
               "overflows");
  EXPECT_ERROR(
      open(safetensors("{" + member("w", "U8", "[1,1,1]", 0, 1) + "}", "a"), {.max_rank = 2}),
      ErrorKind::kLimit, "max_rank, 2");
}

TEST(Safetensors, EveryByteOfTheDataBelongsToOneTensor) {
  const auto with = [](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
    const auto size = [](std::uint64_t begin, std::uint64_t end) {
      return concat("[", end > begin ? end - begin : 0, "]");
    };
    return open(safetensors("{" + member("first", "U8", size(a, b), a, b) + "," +
                                member("second", "U8", size(c, d), c, d) + "}",
                            "0123456789"));
  };
  EXPECT_OK(with(0, 4, 4, 10));
  EXPECT_OK(with(4, 10, 0, 4));
  EXPECT_OK(with(0, 0, 0, 10));
  EXPECT_OK(with(0, 10, 10, 10));
  EXPECT_ERROR(with(0, 4, 5, 10), ErrorKind::kBounds, "ends at byte 4, that of the next begins");
  EXPECT_ERROR(with(0, 5, 4, 10), ErrorKind::kBounds, "ends at byte 5, that of the next begins");
  EXPECT_ERROR(with(0, 10, 0, 10), ErrorKind::kBounds, "overlap");
  EXPECT_ERROR(with(1, 4, 4, 10), ErrorKind::kBounds, "begins at byte 1");
  EXPECT_ERROR(with(0, 10, 5, 5), ErrorKind::kBounds, "overlap");
  EXPECT_ERROR(with(0, 4, 4, 9), ErrorKind::kBounds, "end at byte 9 of 10");
  EXPECT_ERROR(with(0, 4, 4, 11), ErrorKind::kBounds, "ends at byte 11 of 10");
  EXPECT_ERROR(with(0, 4, 10, 4), ErrorKind::kBounds, "in front of its start");
  EXPECT_ERROR(open(safetensors("{}", "x")), ErrorKind::kBounds, "end at byte 0 of 1");
}

TEST(Safetensors, RefusesAHeaderThatIsNotThere) {
  for (std::size_t size = 0; size < 8; ++size) {
    EXPECT_ERROR(open(std::string(size, '\0')), ErrorKind::kTooShort, "too short");
  }
  EXPECT_ERROR(open(testing::u64(0)), ErrorKind::kContainer, "where an object should be");
  EXPECT_ERROR(open(testing::u64(3) + "{}"), ErrorKind::kTooShort, "3 bytes, but the file only 10");
  EXPECT_ERROR(open(testing::u64(~std::uint64_t{0}) + "{}"), ErrorKind::kLimit, "of the format");
  EXPECT_ERROR(open(testing::u64(kMaxSafetensorsHeader + 1) + "{}"), ErrorKind::kLimit,
               "over the 100000000 of the format");
  EXPECT_ERROR(open(testing::u64(kMaxSafetensorsHeader) + "{}"), ErrorKind::kTooShort);
  EXPECT_OK(open(safetensors("{ }"), {.max_directory_bytes = 3}));
  EXPECT_ERROR(open(safetensors("{ }"), {.max_directory_bytes = 2}), ErrorKind::kLimit,
               "over max_directory_bytes, 2");
}

// V07: nothing is allocated for a header of nothing.
TEST(Safetensors, RefusesAHeaderInAHole) {
  const testing::SparseSource source(testing::u64(1 << 20) + "{", 9, (1 << 20) - 1);
  EXPECT_ERROR(SafetensorsFile::open(source, {.expansion_slack_bytes = 1000}), ErrorKind::kLimit,
               "max_expansion");
}

TEST(Safetensors, LimitsTensorsAndTexts) {
  const std::string two = "{" + member("a", "U8", "[0]", 0, 0) + "," +
                          member("b", "U8", "[0]", 0, 0) +
                          ",\"__metadata__\":{\"a\":\"\",\"b\":\"\"}}";
  EXPECT_OK(open(safetensors(two), {.max_records = 2}));
  EXPECT_ERROR(open(safetensors(two), {.max_records = 1}), ErrorKind::kLimit, "max_records, 1");
  EXPECT_ERROR(open(safetensors("{\"__metadata__\":{\"a\":\"\",\"b\":\"\"}}"), {.max_records = 1}),
               ErrorKind::kLimit, "max_records, 1");
}

TEST(Safetensors, HandsOnErrorsOfReading) {
  const std::string file = safetensors("{}");
  for (int reads = 0; reads < 2; ++reads) {
    EXPECT_ERROR(SafetensorsFile::open(testing::FailingSource(file, reads), {}), ErrorKind::kIo,
                 "the disk is gone");
  }
  EXPECT_OK(SafetensorsFile::open(testing::FailingSource(file, 2), {}));
}

TEST(Safetensors, ReadsNoData) {
  const std::string header = "{" + member("w", "U8", "[1000000]", 0, 1'000'000) + "}";
  const std::string bytes = safetensors(header, std::string(1'000'000, 'x'));
  const testing::CountingSource source(bytes);
  ASSERT_OK(SafetensorsFile::open(source, {}));
  EXPECT_EQ(source.bytes_read(), 8 + header.size());
}

// F16: seconds of the processor, where a reader that compares each name with all others would take
// a minute, in whatever order the data lies.
TEST(Safetensors, IsLinearInTheTensors) {
  constexpr std::size_t kTensors = 300'000;
  for (const bool backwards : {false, true}) {
    std::string header = "{";
    for (std::size_t i = 0; i < kTensors; ++i) {
      const std::size_t at = backwards ? kTensors - 1 - i : i;
      append(header, i == 0 ? "" : ",", member(concat("t", i), "U8", "[1]", at, at + 1));
    }
    const std::string file = safetensors(header + "}", std::string(kTensors, 'x'));
    const std::clock_t start = std::clock();
    EXPECT_OK(open(file));
    EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC) << backwards;
  }
}

}  // namespace
}  // namespace hardload
