// DistributedMetadata: what `.metadata` says is read, and what torch does not write is refused.

#include "loader/manifest/distributed_metadata.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/metadata_pickle.h"

namespace hardload {
namespace {

using namespace testing::metadata;

Result<DistributedMetadata> parse(const std::string& pickle, const Limits& limits = {},
                                  Unlisted unlisted = Unlisted::kRefuse) {
  return DistributedMetadata::read(testing::source_of(pickle), limits, unlisted);
}

const Entries kOneEntry = {{text("w"), tensor("float32", {4}, {chunk({0}, {4})})}};
const Entries kOneSlice = {{index("w", {0}), info("__0_0.distcp", 10, 1000)}};

// With other entries, slices or paths than these.
Result<DistributedMetadata> parse_entry(const std::string& value) {
  return parse(metadata({{text("w"), value}}, kOneSlice));
}
Result<DistributedMetadata> parse_slice(const std::string& key, const std::string& value) {
  return parse(metadata(kOneEntry, {{key, value}}));
}
Result<DistributedMetadata> parse_path(const std::string& path, std::string_view name = "w") {
  return parse(metadata({{text(name), other()}}, {{index(name), info("f", 0, 1)}},
                        dict({{text(name), path}})));
}

TEST(DistributedMetadata, SaysWhatIsWhere) {
  const auto metadata = parse(testing::metadata::metadata(
      {{text("a.w"), tensor("bfloat16", {4, 6}, {chunk({0, 0}, {4, 2}), chunk({0, 2}, {4, 4})})},
       {text("a.0"), other()},
       {text("flat"), tensor("int64", {}, {chunk({}, {})})}},
      {{index("a.w", {0, 2}), info("two", 7, 8)},
       {index("a.0"), info("one", 5, 6)},
       {index("a.w", {0, 0}), info("one", 0, 5)},
       {index("flat", {}), info("two", 0, 7, {{text("transform_descriptors"), kNone}})},
       {index("of another entry"), info("two", 100, 7)}},
      dict({{text("a.w"), tuple({text("a"), text("w")})},
            {text("a.0"), tuple({text("a"), number(0)})},
            {text("of another entry"), kNone}})));
  ASSERT_OK(metadata);
  ASSERT_EQ(metadata->entries().size(), 3u);
  EXPECT_EQ(std::vector(metadata->files().begin(), metadata->files().end()),
            (std::vector<std::string_view>{"two", "one"}));
  EXPECT_EQ(metadata->slices().size(), 5u);

  const auto& tensor = metadata->entries()[0];
  EXPECT_EQ(metadata->name(tensor), "a.w");
  EXPECT_TRUE(tensor.is_tensor);
  EXPECT_EQ(tensor.dtype, Dtype::kBFloat16);
  EXPECT_EQ(std::vector(metadata->sizes(tensor).begin(), metadata->sizes(tensor).end()),
            (std::vector<std::int64_t>{4, 6}));
  ASSERT_EQ(metadata->chunks(tensor).size(), 2u);
  const auto& chunk = metadata->chunks(tensor)[1];
  EXPECT_EQ(metadata->offsets(tensor, chunk)[1], 2);
  EXPECT_EQ(metadata->sizes(tensor, chunk)[1], 4);
  const auto& slice = metadata->slices()[chunk.slice];
  EXPECT_EQ(metadata->files()[slice.file], "two");
  EXPECT_EQ(slice.offset, 7u);
  EXPECT_EQ(slice.bytes, 8u);
  ASSERT_EQ(metadata->path(tensor).size(), 2u);
  EXPECT_EQ(metadata->text_of(metadata->path(tensor)[1]), "w");

  EXPECT_FALSE(metadata->entries()[1].is_tensor);
  EXPECT_EQ(metadata->path(metadata->entries()[1])[1].kind, ValueKind::kInt);
  EXPECT_EQ(metadata->slices()[metadata->chunks(metadata->entries()[1])[0].slice].offset, 5u);
  EXPECT_TRUE(metadata->path(metadata->entries()[2]).empty());
  EXPECT_EQ(metadata->entries()[2].rank, 0u);
}

TEST(DistributedMetadata, IsReadInEachFormThatTorchWrites) {
  const std::string value = root(dict(kOneEntry), dict(kOneSlice));
  EXPECT_OK(parse(pickle(value, 5)));
  EXPECT_OK(parse(framed(value)));
  // Before torch 2.3, and by Python 3.11.
  const std::string_view old = "torch.distributed._shard.sharded_tensor.metadata";
  const std::string format =
      call(global("builtins", "getattr"),
           {global(old, "MEM_FORMAT_ENCODING"), text("TORCH_CHANNELS_LAST")});
  const std::string properties = object(
      "TensorProperties", tuple({global("torch", "float32"), "N", "\x88", format, "\x89"}), old);
  EXPECT_OK(parse_entry(
      object("TensorStorageMetadata", dict({{text("properties"), properties},
                                            {text("size"), size({4})},
                                            {text("chunks"), list({chunk({0}, {4})})}}))));
  // What says where it was saved is not looked at.
  const std::string path = call(global("pathlib", "PosixPath"), {text("/"), text("x")});
  EXPECT_OK(parse(pickle(
      object("Metadata", dict({{text("state_dict_metadata"), dict({})},
                               {text("storage_data"), dict({})},
                               {text("storage_meta"),
                                object("StorageMeta", dict({{text("checkpoint_id"), path}}))}})))));
}

TEST(DistributedMetadata, ChunksWithoutElementsNeedNoSlice) {
  const auto metadata =
      parse_entry(tensor("float32", {4, 2}, {chunk({0, 0}, {4, 2}), chunk({4, 0}, {0, 2})}));
  EXPECT_ERROR(metadata, ErrorKind::kKey, "does not say where 'w'");
  EXPECT_OK(parse_entry(tensor("float32", {4}, {chunk({0}, {4}), chunk({4}, {0})})));
}

TEST(DistributedMetadata, NamesOfOtherClassesAreRefusedOrLeftAsData) {
  const auto with = [](const std::string& extra) {
    return pickle(object("Metadata", dict({{text("state_dict_metadata"), dict({})},
                                           {text("storage_data"), dict({})},
                                           {text("more"), extra}})));
  };
  const std::string foreign = call(global("os", "system"), {text("ls")});
  EXPECT_ERROR(parse(with(foreign)), ErrorKind::kGlobal, "os.system");
  EXPECT_OK(parse(with(foreign), {}, Unlisted::kKeepAsData));
  // Not even what checkpoints may name.
  EXPECT_ERROR(parse(with(call(global("torch._utils", "_rebuild_tensor_v2"), {}))),
               ErrorKind::kGlobal, "_rebuild_tensor_v2");
  // A class of the same name is another class.
  EXPECT_ERROR(parse(pickle(object("Metadata", dict({}), "other")), {}, Unlisted::kKeepAsData),
               ErrorKind::kPickle, "and not a Metadata");
}

TEST(DistributedMetadata, OtherThingsInItsPlacesAreRefused) {
  const auto refused = [](const Result<DistributedMetadata>& result, std::string_view problem) {
    EXPECT_ERROR(result, ErrorKind::kPickle, problem);
  };
  refused(parse(pickle(kNone)), "NoneType, and not a Metadata");
  refused(parse(pickle(object("StorageMeta", dict({})))), "and not a Metadata");
  refused(parse(pickle(object("Metadata", tuple({})))), "the fields of an object are no dict");
  refused(parse(pickle(object("Metadata", ""))), "storage_data is a NoneType, and no dict");
  refused(parse(pickle(root(list({}), dict({})))), "state_dict_metadata is a list");
  refused(parse(pickle(root(dict(kOneEntry), dict(kOneSlice), list({})))),
          "planner_data is a list");
  refused(parse(pickle(object("Metadata", dict({{text("storage_data"), dict({})},
                                                {text("storage_data"), dict({})}})))),
          "a field twice");
  refused(parse(metadata({{number(1), other()}}, {})), "the name of an entry is no text");
  refused(parse_entry(kNone), "and not a TensorStorageMetadata");
  refused(parse_entry(object("TensorStorageMetadata", dict({{text("size"), size({})}}))),
          "the properties of a tensor");
  const auto tensor_with = [](const std::string& properties, const std::string& size,
                              const std::string& chunks) {
    return object(
        "TensorStorageMetadata",
        dict({{text("properties"), properties}, {text("size"), size}, {text("chunks"), chunks}}));
  };
  refused(parse_entry(tensor_with(object("TensorProperties", tuple({text("float32")})), size({4}),
                                  list({}))),
          "do not begin with its dtype");
  refused(parse_entry(tensor_with(properties("float32"), number(4), list({}))),
          "a size is no torch.Size");
  refused(parse_entry(tensor_with(properties("float32"), size({-4}), list({}))),
          "no number of elements");
  refused(parse_entry(tensor_with(properties("float32"), tuple({text("4")}), list({}))),
          "no number of elements");
  refused(parse_entry(tensor_with(properties("float32"), size({4}), tuple({}))),
          "chunks are no list");
  refused(parse_entry(tensor_with(properties("float32"), size({4}), list({size({4})}))),
          "and not a ChunkStorageMetadata");
  refused(parse_slice(tuple({text("w"), number(0)}), info("f", 0, 1)), "and not a MetadataIndex");
  refused(parse_slice(object("MetadataIndex", dict({})), info("f", 0, 1)),
          "the name of an entry is no text");
  refused(parse_slice(index("w", {0}), tuple({})), "and not a _StorageInfo");
  refused(parse_slice(index("w", {0}), info("f", -1, 1)), "an offset is no number of bytes");
  refused(parse_slice(index("w", {0}), info("f", 0, -1)), "a length is no number of bytes");
  refused(parse_path(text("w")), "no tuple of keys");
  refused(parse_path(tuple({})), "no tuple of keys");
  refused(parse_path(tuple({number(0)}), "0"), "no tuple of keys");
  refused(parse_path(tuple({text("w"), number(-1)}), "w.-1"), "no tuple of keys");
  refused(parse_path(tuple({text("w"), kNone}), "w.None"), "no tuple of keys");
}

TEST(DistributedMetadata, EachThingIsThereOnce) {
  EXPECT_ERROR(parse(metadata({kOneEntry[0], kOneEntry[0]}, kOneSlice)), ErrorKind::kKey,
               "two entries 'w'");
  EXPECT_ERROR(parse(metadata(kOneEntry, {kOneSlice[0], kOneSlice[0]})), ErrorKind::kKey,
               "a chunk of 'w' twice");
  EXPECT_ERROR(parse(metadata(kOneEntry, {})), ErrorKind::kKey, "does not say where 'w'");
  // Another offset, or none, is another chunk.
  EXPECT_ERROR(parse_slice(index("w", {1}), info("f", 0, 1)), ErrorKind::kKey,
               "does not say where");
  EXPECT_ERROR(parse_slice(index("w"), info("f", 0, 1)), ErrorKind::kKey, "does not say where");
  EXPECT_ERROR(parse_entry(other()), ErrorKind::kKey, "does not say where");
  const std::string path = tuple({text("w")});
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice, dict({{text("w"), path}, {text("w"), path}}))),
               ErrorKind::kKey, "planner_data has 'w' twice");
}

TEST(DistributedMetadata, PathsAreWhatNamesSay) {
  EXPECT_OK(parse_path(tuple({text("a"), number(10), text("b.c"), text("")}), "a.10.b.c."));
  for (const std::string& path :
       {tuple({text("a")}), tuple({text("a"), text("b")}), tuple({text("a"), text("c"), number(0)}),
        tuple({text("a"), text("c"), text("")})}) {
    EXPECT_ERROR(parse_path(path, "a.c"), ErrorKind::kKey, "another path for 'a.c'");
  }
}

TEST(DistributedMetadata, FilesHavePlainNames) {
  for (const char* name : {"", "..", "/etc/passwd", "../w", "a/b", "a\\b"}) {
    EXPECT_ERROR(parse_slice(index("w", {0}), info(name, 0, 1)), ErrorKind::kName, "no plain name");
  }
}

TEST(DistributedMetadata, WhatIsNotReadIsUnsupported) {
  EXPECT_ERROR(
      parse_slice(index("w", {0}),
                  info("f", 0, 1, {{text("transform_descriptors"), list({text("zstd")})}})),
      ErrorKind::kUnsupported, "extension");
  EXPECT_OK(
      parse_slice(index("w", {0}), info("f", 0, 1, {{text("transform_descriptors"), list({})}})));
  EXPECT_ERROR(parse(pickle(root(dict({}), dict({})), 2)), ErrorKind::kUnsupported, "protocol 2");
  EXPECT_ERROR(parse(pickle(root(dict({}), dict({})), 6)), ErrorKind::kUnsupported, "protocol 6");
}

TEST(DistributedMetadata, RanksAgree) {
  EXPECT_ERROR(parse_entry(tensor("float32", {4}, {chunk({0, 0}, {4, 1})})), ErrorKind::kLayout,
               "another rank");
  EXPECT_ERROR(parse_entry(tensor("float32", {4}, {chunk({0}, {4, 1})})), ErrorKind::kLayout,
               "another rank");
}

TEST(DistributedMetadata, LimitsHold) {
  Limits limits;
  limits.max_records = 0;
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice), limits), ErrorKind::kLimit, "max_records");
  limits = {};
  limits.max_shards = 0;
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice), limits), ErrorKind::kLimit, "max_shards");
  limits = {};
  limits.max_rank = 0;
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice), limits), ErrorKind::kLimit, "max_rank");
  limits = {};
  limits.max_depth = 1;
  EXPECT_ERROR(parse(metadata({{text("a.b"), other()}}, {{index("a.b"), info("f", 0, 1)}},
                              dict({{text("a.b"), tuple({text("a"), text("b")})}})),
                     limits),
               ErrorKind::kLimit, "max_depth");
  limits = {};
  limits.max_pickle_bytes = 10;
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice), limits), ErrorKind::kLimit, "over the limit");
  limits = {};
  limits.max_walk_ratio = 0;
  limits.walk_slack_bytes = 10;
  EXPECT_ERROR(parse(metadata(kOneEntry, kOneSlice), limits), ErrorKind::kLimit, "max_walk_ratio");
}

// A list of chunks that is remembered and used by each of many tensors.
TEST(DistributedMetadata, WhatIsSharedAgainAndAgainIsABomb) {
  Values chunks(2000, chunk({0, 0}, {0, 0}));
  std::string entries = "}(";
  for (int i = 0; i < 2000; ++i) {
    const std::string shared =
        i == 0 ? list(chunks) + "r" + std::string(4, '\0') : "j" + std::string(4, '\0');
    entries += text(std::to_string(i)) +
               object("TensorStorageMetadata", dict({{text("properties"), properties("int8")},
                                                     {text("size"), size({0, 0})},
                                                     {text("chunks"), shared}}));
  }
  EXPECT_ERROR(parse(pickle(root(entries + "u", dict({})))), ErrorKind::kLimit, "max_walk_ratio");
}

// The instructions of protocol 4 that Python's pickler writes.
TEST(DistributedMetadata, MemoAndFrames) {
  const std::string value = root(dict(kOneEntry), dict(kOneSlice));
  // Remembered as entries 0 and 1, of which the second is used.
  const std::string remembered = text("x") + "\x94" + text("w") + "\x94";
  EXPECT_OK(parse(
      pickle(remembered + "00" +
             root("}(h\x01" + tensor("float32", {4}, {chunk({0}, {4})}) + "u", dict(kOneSlice)))));
  EXPECT_ERROR(parse(pickle(text("x") + "r" + std::string("\x05\0\0\0", 4) + "\x94" + "0" + value)),
               ErrorKind::kPickle, "MEMOIZE is used beside PUT");
  std::string longer = framed(value);
  ++longer[3];
  EXPECT_ERROR(parse(longer), ErrorKind::kPickle, "runs past the pickle");
  EXPECT_ERROR(parse(longer.substr(0, 8)), ErrorKind::kPickle, "ends inside an instruction");
  EXPECT_ERROR(parse(pickle(number(1) + text("x") + "\x93" + "0" + value)), ErrorKind::kPickle,
               "no texts");
  EXPECT_ERROR(parse(pickle("cos\nsystem\n0" + value)), ErrorKind::kPickle, "GLOBAL is no");
  EXPECT_ERROR(parse(pickle(tuple({}) + "Q0" + value)), ErrorKind::kPersId, "no persistent ids");
  EXPECT_ERROR(parse(pickle(text(std::string(2000, 'x')) + text("y") + "\x93" + value)),
               ErrorKind::kLimit, "max_global_bytes");
}

}  // namespace
}  // namespace hardload
