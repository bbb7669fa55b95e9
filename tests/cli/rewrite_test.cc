// What a file asks to be made of it when it is rewritten, and the names and texts of shards.

#include "loader/cli/rewrite.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/cli/shards.h"
#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"
#include "tests/support/string_sink.h"

namespace hardload {
namespace {

using testing::PickleBuilder;
using Tensors = std::vector<FlatTensor>;

// C04: each view of a few bytes becomes a copy.
TEST(CheckFlatSize, CountsEachTensor) {
  const std::string bytes(100, 'x');
  const MemorySource source = testing::source_of(bytes);
  const Limits limits = {.max_expansion = 2, .expansion_slack_bytes = 0};
  const auto check = [&](const Tensors& tensors) {
    return check_flat_size(source, tensors, limits);
  };
  EXPECT_OK(check({}));
  EXPECT_OK(check({{"a", 0, 150}, {"b", 0, 50}}));
  EXPECT_ERROR(
      check({{"a", 0, 150}, {"b", 0, 51}}), ErrorKind::kLimit,
      "the tensors have 201 bytes of elements, made from a file of 100, over max_expansion");
  // The sum does not wrap.
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_ERROR(check({{"a", 0, most}, {"b", 0, most}, {"c", 0, 2}}), ErrorKind::kLimit,
               "have 18446744073709551615 bytes");
}

TEST(RewriteAsSafetensors, TakesDenseTensorsOnly) {
  PickleBuilder pickle;
  pickle.empty_dict().text("w").global("torch._utils", "_rebuild_meta_tensor_no_storage").mark();
  pickle.global("torch", "float32").integers({2}).integers({1}).boolean(false).tuple().reduce();
  const std::string bytes = testing::CheckpointBuilder().pickle(pickle.op('s').stop()).build();
  const MemorySource source = testing::source_of(bytes);
  const auto manifest = describe(source, {});
  ASSERT_OK(manifest);
  const Limits limits;
  StorageReader reader(source, *manifest, limits);
  testing::StringSink sink;
  EXPECT_ERROR(rewrite_as_safetensors(reader, flat_tensors(*manifest), {}, sink),
               ErrorKind::kUnsupported, "'w' is no dense tensor with data");
  EXPECT_EQ(sink.content, "");
}

TEST(Shards, LargeTensorsGoAlone) {
  const Tensors tensors = {{"a", 0, 5}, {"b", 1, 3}, {"c", 2, 20}, {"d", 3, 4}, {"e", 4, 2}};
  std::vector<std::string> names;
  for (const Shard& shard : split_into_shards(tensors, 10)) {
    names.emplace_back();
    for (const FlatTensor& tensor : shard) names.back() += tensor.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"c", "ab", "de"}));
  EXPECT_EQ(split_into_shards(tensors, 34).size(), 1u);
  EXPECT_EQ(split_into_shards({}, 10).size(), 1u);
}

TEST(Shards, PathsAreThoseOfTheHub) {
  EXPECT_EQ(shard_path("a/m.safetensors", 0, 1), "a/m.safetensors");
  EXPECT_EQ(shard_path("a/m.safetensors", 0, 2), "a/m-00001-of-00002.safetensors");
  EXPECT_EQ(shard_path("a.safetensors/m", 1, 2), "a.safetensors/m-00002-of-00002");
  EXPECT_EQ(shard_path("m.safetensors", 99'998, 100'000), "m-99999-of-100000.safetensors");
}

// json.dumps(..., indent=2) of Python 3.11.
TEST(Shards, TheIndexIsPythons) {
  const Shard one = {{"a\"\\/", 0, 3}, {"\n\r\t\f\b", 1, 4}};
  const Shard two = {{"\x01\x1f\x7f \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 2, 5}};
  EXPECT_EQ(shard_index("x/m.safetensors", std::vector<Shard>{one, two}),
            R"({
  "metadata": {
    "total_size": 12
  },
  "weight_map": {
    "a\"\\/": "m-00001-of-00002.safetensors",
    "\n\r\t\f\b": "m-00001-of-00002.safetensors",
    "\u0001\u001f\u007f \u00e9\u20ac\ud83d\ude00": "m-00002-of-00002.safetensors"
  }
})");
}

}  // namespace
}  // namespace hardload
