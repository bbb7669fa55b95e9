// ShardIndex reads what an index says, strictly, and believes none of it.

#include "loader/container/shard_index.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

Result<ShardIndex> parse(std::string_view text, const Limits& limits = {}) {
  return ShardIndex::read(testing::source_of(text), limits);
}

std::string with_map(std::string_view map) { return concat("{\"weight_map\":{", map, "}}"); }

TEST(ShardIndex, SaysWhichFileHasWhichTensor) {
  const auto index = parse(R"({"metadata": {"total_size": 12, "note": {"a": [1.5, null]}},
    "weight_map": {"b": "2.bin", "a.\u0041\"": "1.bin", "c": "2.bin"}, "more": [[]]})");
  ASSERT_OK(index);
  EXPECT_EQ(std::vector<std::string_view>(index->files().begin(), index->files().end()),
            (std::vector<std::string_view>{"2.bin", "1.bin"}));
  ASSERT_EQ(index->entries().size(), 3u);
  EXPECT_EQ(index->entries()[1].tensor, "a.A\"");
  EXPECT_EQ(index->find("b")->file, 0u);
  EXPECT_EQ(index->find("a.A\"")->file, 1u);
  EXPECT_EQ(index->find("c")->file, 0u);
  EXPECT_EQ(index->find("d"), nullptr);
  EXPECT_EQ(index->total_size(), "12");
}

TEST(ShardIndex, MetadataMayBeAnything) {
  for (const std::string_view metadata :
       {"null", "3", "\"text\"", "[1, {\"total_size\": 1}]", "{}", "{\"total_size\": \"12\"}",
        "{\"total_size\": {\"a\": 1}}", "{\"a\": {\"total_size\": 1}}"}) {
    const auto index =
        parse(concat("{\"weight_map\": {\"a\": \"f\"}, \"metadata\": ", metadata, "}"));
    ASSERT_OK(index);
    EXPECT_EQ(index->total_size(), "") << metadata;
  }
  for (const std::string_view size : {"-1", "1e400", "13476831232.0", "99999999999999999999"}) {
    const auto index = parse(
        concat("{\"metadata\": {\"total_size\": ", size, "}, \"weight_map\": {\"a\": \"f\"}}"));
    ASSERT_OK(index);
    EXPECT_EQ(index->total_size(), size);
  }
  EXPECT_EQ(parse(with_map("\"a\":\"f\"")).value().total_size(), "");
}

TEST(ShardIndex, OtherForms) {
  for (const std::string& text : {
           std::string("{\"weight_map\": [\"a\"]}"),
           std::string("{\"weight_map\": null}"),
           with_map(""),
           with_map("\"a\": 1"),
           with_map("\"a\": null"),
           with_map("\"a\": [\"f\"]"),
           with_map("\"a\": {\"f\": \"f\"}"),
           with_map("\"a\": \"f\","),
           with_map("\"a\": \"f\" \"b\": \"f\""),
           with_map("\"a\": \"f\xff\""),
           with_map("\"a\xff\": \"f\""),
           with_map("\"a\": \"\\ud800\""),
           with_map("\"a\": \"f\"") + "{}",
           with_map("\"a\": \"f\"").substr(0, 20),
           std::string("{\"weight_map\": {\"a\": \"f\"}, \"metadata\": {\"x\": 01}}"),
           std::string("{\"weight_map\": {\"a\": \"f\"}, \"metadata\": NaN}"),
           std::string("{\"weight_map\": {\"a\": \"f\"}, \"more\": \"\t\"}"),
       }) {
    EXPECT_ERROR(parse(text), ErrorKind::kContainer, "") << text;
  }
}

TEST(ShardIndex, RepeatedNames) {
  EXPECT_ERROR(parse(with_map("\"a\":\"f\",\"b\":\"f\",\"\\u0061\":\"g\"")), ErrorKind::kContainer,
               "the tensor 'a' twice");
  EXPECT_ERROR(parse("{\"weight_map\": {\"a\": \"f\"}, \"weight_map\": {\"b\": \"f\"}}"),
               ErrorKind::kContainer, "weight_map twice");
  EXPECT_ERROR(parse("{\"metadata\": {}, \"weight_map\": {\"a\": \"f\"}, \"metadata\": {}}"),
               ErrorKind::kContainer, "metadata twice");
}

TEST(ShardIndex, FileNamesThatAreMoreThanThat) {
  for (const std::string name : {"", ".", "..", "../f", "/etc/passwd", "sub/f", "a\\\\f", "..\\\\f",
                                 "f\\u0000.bin", "https://host/f", "file:///f", "C:\\\\f"}) {
    EXPECT_ERROR(parse(with_map("\"a\":\"" + name + "\"")), ErrorKind::kName, "no plain name");
  }
  EXPECT_ERROR(parse(with_map("\"a\":\"" + std::string(256, 'f') + "\"")), ErrorKind::kName, "");
}

TEST(ShardIndex, OtherJson) {
  for (const std::string_view text : {"{\"error\": \"not found\"}", "{}", "{oops"}) {
    EXPECT_ERROR(parse(text), ErrorKind::kUnknownFormat, "a JSON text");
  }
}

TEST(ShardIndex, Limits) {
  std::string map;
  for (int i = 0; i < 100; ++i) append(map, i == 0 ? "" : ",", "\"", i, "\":\"f", i, "\"");
  const std::string text = with_map(map);
  Limits limits;
  limits.max_shards = limits.max_records = 100;
  limits.max_directory_bytes = text.size();
  EXPECT_OK(parse(text, limits));
  limits.max_shards = 99;
  EXPECT_ERROR(parse(text, limits), ErrorKind::kLimit, "max_shards, 99");
  limits.max_shards = 100;
  limits.max_records = 99;
  EXPECT_ERROR(parse(text, limits), ErrorKind::kLimit, "max_records, 99");
  limits.max_records = 100;
  --limits.max_directory_bytes;
  EXPECT_ERROR(parse(text, limits), ErrorKind::kLimit, "over the limit");
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_ERROR(parse("{\"weight_map\":{\"a\":\"f\"},\"x\":" + deep + "}"), ErrorKind::kLimit,
               "nested deeper than 64");
  EXPECT_OK(parse("{\"weight_map\":{\"a\":\"f\"},\"x\":" + deep.substr(1, 128) + "}"));
}

// A source that is larger than anybody reads.
class Sparse final : public ByteSource {
 public:
  std::string_view name() const override { return "sparse"; }
  std::uint64_t size() const override { return std::uint64_t{1} << 40; }
  Result<void> read_at(std::uint64_t, std::span<std::byte>) const override {
    return Error(ErrorKind::kIo, Stage::kBytes, "nothing is to be read");
  }
};

TEST(ShardIndex, IsNotReadWhereItIsTooLarge) {
  EXPECT_ERROR(ShardIndex::read(Sparse(), {}), ErrorKind::kLimit, "over the limit of 100000000");
}

}  // namespace
}  // namespace hardload
