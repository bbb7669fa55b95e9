// safetensors_header: the bytes of the reference, of which tests/parity/convert.py draws more.

#include "loader/container/safetensors_writer.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/safetensors_builder.h"

namespace hardload {
namespace {

constexpr std::int64_t kTwo[] = {2}, kTwoByNone[] = {2, 0};

// safetensors.torch.save of 0.8 of the same tensors and texts.
TEST(SafetensorsHeader, IsThatOfTheReference) {
  std::vector<SafetensorsEntry> entries = {
      {"c", Dtype::kFloat32, {}, 4},
      {"b", Dtype::kFloat32, kTwoByNone, 0},
      {"a\"\\\n\x01\x7f\xe2\x80\xa8", Dtype::kFloat32, kTwo, 8}};
  sort_for_safetensors(entries);
  const MetadataEntry metadata[] = {{"z", "1"}, {"a", "2/"}, {"format", "pt"}};
  const auto header = safetensors_header(metadata, entries);
  ASSERT_OK(header);
  EXPECT_EQ(header->substr(8),
            "{\"__metadata__\":{\"z\":\"1\",\"a\":\"2/\",\"format\":\"pt\"},"
            "\"a\\\"\\\\\\n\\u0001\x7f\xe2\x80\xa8\":{\"dtype\":\"F32\",\"shape\":[2],"
            "\"data_offsets\":[0,8]},"
            "\"b\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[8,8]},"
            "\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]}}"
            "      ");
  EXPECT_EQ(header->size() % 8, 0u);
  EXPECT_EQ(static_cast<unsigned char>((*header)[0]), (header->size() - 8) % 256);
}

// What of JSON has an escape of its own, and what is written by its number, as serde_json does.
TEST(SafetensorsHeader, EscapesAreThoseOfTheReference) {
  const MetadataEntry metadata[] = {{"\b\f\n\r\t", "\x0b\x1f\"\\/"}};
  const auto header = safetensors_header(metadata, {});
  ASSERT_OK(header);
  const std::string_view expected = R"({"__metadata__":{"\b\f\n\r\t":"\u000b\u001f\"\\/"}})";
  EXPECT_EQ(header->substr(8, expected.size()), expected);
}

TEST(SafetensorsHeader, KeepsToTheLimitOfTheFormat) {
  // {"__metadata__":{"k":"..."}}, whose other 26 bytes and padding are known.
  const std::string text(100'000'000, 'a');
  const auto with_text = [&](std::size_t bytes) {
    const MetadataEntry metadata[] = {{"k", std::string_view(text).substr(0, bytes)}};
    return safetensors_header(metadata, {});
  };
  const auto largest = with_text(100'000'000 - 25);
  ASSERT_OK(largest);
  EXPECT_EQ(largest->size(), 8u + 100'000'000);
  EXPECT_ERROR(with_text(100'000'000 - 24), ErrorKind::kLimit,
               "the header would have 100000008 bytes, over the format's limit of 100000000");
}

TEST(SafetensorsHeader, OfNothing) {
  const auto header = safetensors_header({}, {});
  ASSERT_OK(header);
  EXPECT_EQ(*header, testing::safetensors("{}      "));
}

// Larger elements first, then by names; the whole order is that which the reference gives.
TEST(SafetensorsHeader, DtypesAreInTheOrderOfTheReference) {
  const Dtype dtypes[] = {
      Dtype::kBool,           Dtype::kFloat4E2M1FNX2, Dtype::kUInt8,         Dtype::kInt8,
      Dtype::kFloat8E5M2,     Dtype::kFloat8E4M3FN,   Dtype::kFloat8E8M0FNU, Dtype::kFloat8E4M3FNUZ,
      Dtype::kFloat8E5M2FNUZ, Dtype::kInt16,          Dtype::kUInt16,        Dtype::kFloat16,
      Dtype::kBFloat16,       Dtype::kInt32,          Dtype::kUInt32,        Dtype::kFloat32,
      Dtype::kComplex64,      Dtype::kFloat64,        Dtype::kInt64,         Dtype::kUInt64};
  std::vector<SafetensorsEntry> entries;
  for (const Dtype dtype : dtypes) {
    entries.push_back({"b", dtype, kTwo, 0});
    entries.push_back({"a", dtype, kTwo, 0});
  }
  sort_for_safetensors(entries);
  for (std::size_t i = 0; i < std::size(dtypes); ++i) {
    const std::size_t at = 2 * (std::size(dtypes) - 1 - i);
    EXPECT_EQ(entries[at].dtype, dtypes[i]);
    EXPECT_EQ(entries[at].name, "a");
    EXPECT_EQ(entries[at + 1].name, "b");
  }
}

// What golden files say, sorted and written again, is their own header.
TEST(SafetensorsHeader, OfGoldenFilesIsTheirOwn) {
  for (const std::string& path : testing::golden_safetensors()) {
    const std::string content = testing::read_file(path);
    const MemorySource source = testing::source_of(content);
    const auto file = SafetensorsFile::open(source, {});
    ASSERT_OK(file) << path;
    std::vector<SafetensorsEntry> entries;
    for (std::size_t i = 0; i < file->tensors().size(); ++i) {
      entries.push_back({file->records()[i].name, file->tensors()[i].dtype,
                         file->sizes(file->tensors()[i]), file->records()[i].bytes});
    }
    sort_for_safetensors(entries);
    const auto header = safetensors_header(file->metadata(), entries);
    ASSERT_OK(header) << path;
    EXPECT_EQ(*header, content.substr(0, header->size())) << path;
  }
}

TEST(SafetensorsHeader, RefusesWhatTheFormatCannotHold) {
  const auto of = [](std::string_view name, Dtype dtype, std::span<const std::int64_t> sizes) {
    const SafetensorsEntry entry{name, dtype, sizes, 8};
    return safetensors_header({}, std::span(&entry, 1));
  };
  EXPECT_ERROR(of("w", Dtype::kComplex128, kTwo), ErrorKind::kUnsupported, "complex128");
  EXPECT_ERROR(of("__metadata__", Dtype::kFloat32, kTwo), ErrorKind::kUnsupported, "this name");
  EXPECT_ERROR(of("\xed\xa0\x80", Dtype::kFloat32, kTwo), ErrorKind::kUnsupported, "UTF-8");
  EXPECT_ERROR(of("w", Dtype::kFloat4E2M1FNX2, {}), ErrorKind::kUnsupported, "F4");
  const std::int64_t huge[] = {0, std::numeric_limits<std::int64_t>::max()};
  EXPECT_ERROR(of("w", Dtype::kFloat32, huge), ErrorKind::kUnsupported, "overflows");
  const SafetensorsEntry twice[] = {{"w", Dtype::kFloat32, kTwo, 8}, {"w", Dtype::kInt32, kTwo, 8}};
  EXPECT_ERROR(safetensors_header({}, twice), ErrorKind::kKey, "two tensors");
}

}  // namespace
}  // namespace hardload
