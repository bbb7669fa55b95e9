// join_shards and describe_files: all shards are one state dict, and are what the index says.

#include "loader/manifest/join_shards.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/manifest/describe_files.h"
#include "tests/manifest/checkpoints.h"
#include "tests/support/failing_memory.h"
#include "tests/support/files.h"
#include "tests/support/safetensors_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::member;
using testing::PickleBuilder;
using testing::safetensors;

using Names = std::vector<std::pair<std::string, std::string>>;       // tensor, file
using Files = std::vector<std::pair<std::string_view, std::string>>;  // name, content

// The files that `map` names, in its order.
CheckpointFiles open_all(const Names& map, const Files& files) {
  std::string text;
  for (const auto& [tensor, file] : map) {
    append(text, text.empty() ? "{\"weight_map\":{" : ",", "\"", tensor, "\":\"", file, "\"");
  }
  text += "}}";
  Buffer buffer = Buffer::read(testing::source_of(text), 0, text.size()).value();
  CheckpointFiles opened{"index", ShardIndex::parse(std::move(buffer), {}).value(), {}};
  for (const std::string_view name : opened.index->files()) {
    for (const auto& [file, content] : files) {
      if (file != name) continue;
      // Of bytes of its own: what is described is used after `files` is gone.
      Buffer owned = Buffer::read(testing::source_of(content), 0, content.size()).value();
      opened.sources.push_back(
          std::make_shared<MemorySource>(std::move(owned), content.size(), std::string(file)));
    }
  }
  return opened;
}

// The same, described together.
Result<Described> describe_all(const Names& map, const Files& files,
                               const DescribeOptions& options = {}) {
  auto described = describe_files(open_all(map, files), options);
  if (described.ok()) {
    EXPECT_EQ(testing::check_invariants(*described->source, described->manifest), "");
  }
  return described;
}

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const NamedTensor& named : manifest.named_tensors()) {
    names.emplace_back(manifest.name(named));
  }
  return names;
}

// The bytes of the named tensor's storage, and how many.
std::string bytes_of(const Described& described, std::size_t named) {
  const Manifest& manifest = described.manifest;
  const TensorSpec& tensor = manifest.tensors()[manifest.named_tensors()[named].tensor];
  const Record* record = manifest.storages()[tensor.storage].record;
  std::string bytes(record->bytes, '?');
  EXPECT_OK(
      described.source->read_at(record->data_offset, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

const std::string kOne = safetensors(
    "{" + member("a", "U8", "[2]", 0, 2) + "," + member("b", "F32", "[]", 2, 6) + "}", "aaFFFF");
const std::string kTwo = safetensors("{" + member("c", "U8", "[3]", 0, 3) + "}", "ccc");

TEST(JoinShards, AreOneStateDict) {
  const auto described =
      describe_all({{"c", "2"}, {"a", "1"}, {"b", "1"}}, {{"1", kOne}, {"2", kTwo}});
  ASSERT_OK(described);
  const Manifest& manifest = described->manifest;
  EXPECT_EQ(names_of(manifest), (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_EQ(bytes_of(*described, 0), "ccc");
  EXPECT_EQ(bytes_of(*described, 1), "aa");
  EXPECT_EQ(bytes_of(*described, 2), "FFFF");
  EXPECT_EQ(manifest.storages()[1].key, "1/a");
  EXPECT_EQ(manifest.storages()[1].record->name, "1/a");
  EXPECT_EQ(manifest.storages()[1].location, "cpu");
  EXPECT_EQ(manifest.container().format(), Format::kSafetensors);
  ASSERT_EQ(manifest.container().shards().size(), 2u);
  EXPECT_EQ(manifest.container().shards()[1].name, "1");
  EXPECT_EQ(manifest.container().storage_records(), 3u);
  EXPECT_EQ(manifest.container().storage("3/a"), nullptr);
  EXPECT_EQ(manifest.container().storage("1/c"), nullptr);
  const Value root = manifest.root();
  EXPECT_EQ(root.kind(), ValueKind::kDict);
  ASSERT_EQ(root.size(), 3u);
  EXPECT_EQ(root.key(2).as_string(), "b");
  EXPECT_EQ(root.item(2).number(), 2u);
  EXPECT_EQ(manifest.path(manifest.named_tensors()[2])[0].as_string(), "b");
  EXPECT_EQ(described->source->name(), "index");
}

// Strides, offsets, shared storages, parameters, sparse and quantized tensors: as they are alone.
TEST(JoinShards, TensorsStayWhatTheyAre) {
  const std::vector<std::string> golden = {
      "sparse_coo",       "quantized_per_channel",       "shared_tied_parameters",
      "sparse_parameter", "view_conjugated_and_negated", "quantized_per_tensor"};
  const std::vector<std::string_view> file_names = {"a", "b", "c", "d", "e", "f"};
  std::vector<std::string> contents;
  for (const std::string& name : golden) {
    contents.push_back(testing::read_file("data/golden/" + name + ".pt"));
  }
  Names map;
  Files files;
  std::vector<Manifest> alone;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    auto manifest = testing::describe_bytes(contents[i]);
    ASSERT_OK(manifest);
    for (const std::string& name : names_of(*manifest)) {
      map.emplace_back(name, file_names[i]);
    }
    files.emplace_back(file_names[i], contents[i]);
    alone.push_back(*std::move(manifest));
  }
  const auto described = describe_all(map, files);
  ASSERT_OK(described);
  const Manifest& joined = described->manifest;
  std::size_t tensors = 0, storages = 0, named = 0;
  for (const Manifest& shard : alone) {
    for (std::size_t i = 0; i < shard.tensors().size(); ++i) {
      const TensorSpec &a = shard.tensors()[i], &b = joined.tensors()[tensors + i];
      EXPECT_EQ(a.dtype, b.dtype);
      EXPECT_EQ(a.layout, b.layout);
      EXPECT_EQ(a.offset, b.offset);
      EXPECT_EQ(a.numel, b.numel);
      EXPECT_EQ(std::tuple(a.requires_grad, a.is_parameter, a.is_conj, a.is_neg),
                std::tuple(b.requires_grad, b.is_parameter, b.is_conj, b.is_neg));
      if (a.storage != TensorSpec::kNoStorage) {
        EXPECT_EQ(a.storage + storages, b.storage);
      } else {
        EXPECT_EQ(b.storage, TensorSpec::kNoStorage);
      }
      const auto equal = [](auto x, auto y) {
        return std::equal(x.begin(), x.end(), y.begin(), y.end());
      };
      EXPECT_TRUE(equal(shard.shape(a), joined.shape(b)));
      EXPECT_TRUE(equal(shard.strides(a), joined.strides(b)));
      const auto a_parts = shard.parts(a), b_parts = joined.parts(b);
      ASSERT_EQ(a_parts.size(), b_parts.size());
      for (std::size_t k = 0; k < a_parts.size(); ++k) {
        EXPECT_EQ(a_parts[k] + tensors, b_parts[k]);
      }
    }
    for (const NamedTensor& name : shard.named_tensors()) {
      EXPECT_EQ(joined.named_tensors()[named].tensor, name.tensor + tensors);
      EXPECT_EQ(joined.name(joined.named_tensors()[named++]), shard.name(name));
    }
    tensors += shard.tensors().size();
    storages += shard.storages().size();
  }
  EXPECT_EQ(joined.tensors().size(), tensors);
  EXPECT_EQ(joined.storages().size(), storages);
  EXPECT_EQ(joined.named_tensors().size(), named);
}

TEST(JoinShards, TheIndexAndItsShardsDiffer) {  // I03
  const Files files = {{"1", kOne}, {"2", kTwo}};
  EXPECT_OK(describe_all({{"a", "1"}, {"b", "1"}, {"c", "2"}}, files));
  const auto wrong = [&](const Names& map, std::string_view problem, std::string_view shard) {
    const auto described = describe_all(map, files);
    EXPECT_ERROR(described, ErrorKind::kKey, problem);
    if (!described.ok()) {
      EXPECT_EQ(described.error().source(), shard);
    }
  };
  wrong({{"a", "1"}, {"b", "1"}, {"c", "2"}, {"d", "2"}}, "holds 'd', but it does not", "2");
  wrong({{"a", "1"}, {"b", "1"}, {"c", "1"}}, "holds 'c', but it does not", "1");
  wrong({{"a", "1"}, {"c", "2"}}, "this shard holds 'b', which the index does not list", "1");
  wrong({{"a", "1"}, {"b", "2"}, {"c", "2"}}, "this shard holds 'b', which by the index is in '2'",
        "1");
  // In two shards: one of them is none of those that the index means.
  EXPECT_ERROR(describe_all({{"a", "1"}, {"b", "1"}, {"c", "2"}}, {{"1", kOne}, {"2", kOne}}),
               ErrorKind::kKey, "this shard holds 'a', which by the index is in '1'");
}

std::string torch_file(const std::string& pickle, const std::string& order = "little") {
  return CheckpointBuilder()
      .pickle(pickle)
      .record("byteorder", order)
      .storage("0", std::string(24, '\1'))
      .build();
}
std::string torch_dict(const std::string& key, const std::string& order = "little") {
  PickleBuilder pickle;
  pickle.empty_dict().text(key).raw(testing::tensor()).op('s');
  return torch_file(pickle.stop(), order);
}

TEST(JoinShards, MixedFormatsAndByteOrders) {  // I08
  const Names map = {{"a", "1"}, {"b", "2"}};
  const std::string a = safetensors("{" + member("a", "U8", "[0]", 0, 0) + "}");
  EXPECT_OK(describe_all(map, {{"1", torch_dict("a")}, {"2", torch_dict("b")}}));
  EXPECT_OK(describe_all(map, {{"1", torch_dict("a", "big")}, {"2", torch_dict("b", "big")}}));
  EXPECT_ERROR(describe_all(map, {{"1", a}, {"2", torch_dict("b")}}), ErrorKind::kUnsupported,
               "of several formats: '1' and '2' differ");
  EXPECT_ERROR(describe_all(map, {{"1", torch_dict("a")}, {"2", torch_dict("b", "big")}}),
               ErrorKind::kUnsupported, "of several byte orders: '1' and '2' differ");
}

TEST(JoinShards, ShardsThatAreNoDictsOfTensors) {
  const auto with = [](const std::string& pickle) {
    return describe_all({{"a", "1"}, {"b", "2"}},
                        {{"1", torch_dict("a")}, {"2", torch_file(pickle)}});
  };
  EXPECT_ERROR(with(PickleBuilder().empty_list().stop()), ErrorKind::kUnsupported,
               "no dict of tensors");
  EXPECT_ERROR(with(PickleBuilder().raw(testing::tensor()).stop()), ErrorKind::kUnsupported,
               "no dict of tensors");
  EXPECT_ERROR(with(PickleBuilder().empty_dict().integer(1).raw(testing::tensor()).op('s').stop()),
               ErrorKind::kUnsupported, "entry 0");
  EXPECT_ERROR(with(PickleBuilder()
                        .empty_dict()
                        .text("b")
                        .raw(testing::tensor())
                        .op('s')
                        .text("epoch")
                        .integer(1)
                        .op('s')
                        .stop()),
               ErrorKind::kUnsupported, "entry 1");
  EXPECT_ERROR(with(PickleBuilder().empty_dict().stop()), ErrorKind::kKey, "does not");
  // The index itself, and other files that are no checkpoints.
  EXPECT_ERROR(describe_all({{"a", "1"}}, {{"1", "{\"weight_map\":{\"a\":\"1\"}}"}}),
               ErrorKind::kUnknownFormat, "1: ");
  EXPECT_ERROR(describe_all({{"a", "1"}}, {{"1", ""}}), ErrorKind::kTooShort, "1: ");
}

TEST(JoinShards, AWrongShardIsNamed) {
  std::string cut = kTwo;
  cut.pop_back();
  const auto described =
      describe_all({{"a", "1"}, {"b", "1"}, {"c", "2"}}, {{"1", kOne}, {"2", cut}});
  ASSERT_FALSE(described.ok());
  EXPECT_EQ(described.error().source(), "2");
}

// Of one file and of several.
TEST(DescribeFiles, MemoryThatRunsOutIsAnError) {
  for (const bool is_sharded : {false, true}) {
    long failed = 0;
    for (;; ++failed) {
      CheckpointFiles files =
          open_all({{"a", "1"}, {"b", "1"}, {"c", "2"}}, {{"1", kOne}, {"2", kTwo}});
      if (!is_sharded) files.index.reset();
      testing::fail_allocation(failed);
      const auto described = describe_files(std::move(files), {});
      testing::fail_allocation(testing::kNone);
      if (described.ok()) break;
      ASSERT_TRUE(testing::is_error(described, ErrorKind::kOutOfMemory)) << failed;
    }
    EXPECT_GT(failed, 10);
  }
}

}  // namespace
}  // namespace hardload
