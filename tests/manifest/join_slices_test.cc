// join_slices: slices are one state dict, and hold what the metadata says.

#include "loader/manifest/join_slices.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/container/record_reader.h"
#include "tests/manifest/checkpoints.h"
#include "tests/support/metadata_pickle.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;
using namespace testing::metadata;

// An archive of a tensor of bytes, in row-major order.
CheckpointBuilder archive(const Dims& shape, const std::string& bytes,
                          std::string_view storage_class = "ByteStorage") {
  Dims strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  const auto count = static_cast<std::int64_t>(bytes.size());
  return CheckpointBuilder()
      .pickle(PickleBuilder().tensor(storage_class, "0", count, shape, strides).stop())
      .storage("0", bytes);
}

// A checkpoint in the making.
class Saved {
 public:
  Saved& slice(const std::string& index, const std::string& bytes, std::size_t file = 0) {
    while (files_.size() <= file) files_.push_back("between");
    slices_.emplace_back(index,
                         info(concat("f", file), static_cast<std::int64_t>(files_[file].size()),
                              static_cast<std::int64_t>(bytes.size())));
    files_[file] += bytes + "between";
    return *this;
  }
  Saved& entry(std::string_view name, const std::string& value) {
    entries_.emplace_back(text(name), value);
    return *this;
  }
  Saved& path(std::string_view name, const Values& steps) {
    paths_.emplace_back(text(name), tuple(steps));
    return *this;
  }
  // A tensor of bytes in chunks, each in a file of its own.
  Saved& chunked(std::string_view name, const Dims& shape,
                 const std::vector<std::tuple<Dims, Dims, std::string>>& chunks) {
    Values boxes;
    std::size_t file = 0;
    for (const auto& [offsets, sizes, bytes] : chunks) {
      boxes.push_back(chunk(offsets, sizes));
      slice(index(name, offsets), archive(sizes, bytes).build(), file++);
    }
    return entry(name, tensor("uint8", shape, boxes));
  }

  Result<Described> describe(const DescribeOptions& options = {}) const {
    const std::string pickle = metadata(entries_, slices_, dict(paths_));
    HARDLOAD_ASSIGN(const auto parsed, DistributedMetadata::read(testing::source_of(pickle),
                                                                 options.limits, options.unlisted));
    std::vector<std::shared_ptr<const ByteSource>> sources;
    for (const std::string_view name : parsed.files()) {
      const std::string& content = files_[static_cast<std::size_t>(name[1] - '0')];
      Buffer owned = Buffer::read(testing::source_of(content), 0, content.size()).value();
      sources.push_back(
          std::make_shared<MemorySource>(std::move(owned), content.size(), std::string(name)));
    }
    auto described = join_slices(parsed, "folder", std::move(sources), options);
    if (described.ok()) {
      EXPECT_EQ(testing::check_invariants(*described->source, described->manifest), "");
    }
    return described;
  }

 private:
  std::vector<std::string> files_;
  Entries entries_, slices_, paths_;
};

// The bytes of each storage, after all records were verified.
std::vector<std::string> contents(const Described& described) {
  for (const Record& record : described.manifest.container().records()) {
    EXPECT_OK(verify_record(*described.source, record, {}));
    EXPECT_FALSE(record.lacks_crc32()) << record.name;
  }
  std::vector<std::string> all;
  for (const StorageSpec& storage : described.manifest.storages()) {
    std::string bytes(storage.bytes, '?');
    if (storage.record != nullptr) {
      EXPECT_OK(described.source->read_at(storage.record->data_offset,
                                          std::as_writable_bytes(std::span(bytes))));
    }
    all.push_back(bytes);
  }
  return all;
}

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const NamedTensor& named : manifest.named_tensors()) {
    names.emplace_back(manifest.name(named));
  }
  return names;
}

using Texts = std::vector<std::string>;

TEST(JoinSlices, ATensorOfOneChunkIsWhereItIs) {
  const auto described = Saved()
                             .entry("w", tensor("uint8", {2, 3}, {chunk({0, 0}, {2, 3})}))
                             .slice(index("w", {0, 0}), archive({2, 3}, "abcdef").build())
                             .describe();
  ASSERT_OK(described);
  const Manifest& manifest = described->manifest;
  EXPECT_EQ(manifest.container().format(), Format::kDistributed);
  EXPECT_EQ(names_of(manifest), Texts{"w"});
  EXPECT_EQ(contents(*described), Texts{"abcdef"});
  ASSERT_EQ(manifest.container().shards().size(), 1u);
  EXPECT_EQ(manifest.container().shards()[0].name, "f0");
  EXPECT_EQ(manifest.storages()[0].key, "f0/7/model/data/0");
  EXPECT_EQ(manifest.storages()[0].location, "cpu");
  EXPECT_EQ(manifest.container().storage_records(), 1u);
  EXPECT_EQ(described->source->name(), "folder");
}

TEST(JoinSlices, ChunksAreOneTensor) {
  const auto described =
      Saved()
          .chunked("rows", {3, 2}, {{{1, 0}, {2, 2}, "cdef"}, {{0, 0}, {1, 2}, "ab"}})
          .chunked("columns", {2, 3}, {{{0, 0}, {2, 1}, "AD"}, {{0, 1}, {2, 2}, "BCEF"}})
          .chunked("grid", {2, 2, 2},
                   {{{0, 0, 0}, {1, 1, 2}, "12"},
                    {{0, 1, 0}, {1, 1, 2}, "34"},
                    {{1, 0, 0}, {1, 1, 2}, "56"},
                    {{1, 1, 0}, {1, 1, 2}, "78"}})
          .entry("none", tensor("uint8", {0, 4}, {chunk({0, 0}, {0, 4})}))
          .describe();
  ASSERT_OK(described);
  EXPECT_EQ(contents(*described), (Texts{"abcdef", "ABCDEF", "12345678", ""}));
  const Manifest& manifest = described->manifest;
  EXPECT_EQ(names_of(manifest), (Texts{"rows", "columns", "grid", "none"}));
  EXPECT_EQ(manifest.strides(manifest.tensors()[1])[0], 3);
  EXPECT_EQ(manifest.storages()[1].key, "/columns");
  // The chunks' own records are not there.
  EXPECT_EQ(manifest.container().storage_records(), 3u);
  EXPECT_TRUE(manifest.container().shards().back().name.empty());
}

TEST(JoinSlices, EachChunkIsVerified) {
  for (const bool in_rows : {true, false}) {
    const Dims second = in_rows ? Dims{1, 0} : Dims{0, 1};
    const Dims size = in_rows ? Dims{1, 2} : Dims{2, 1};
    auto damaged = archive(size, "cd").build();
    damaged[damaged.find("cd")] ^= 1;
    const auto saved =
        Saved()
            .entry("w", tensor("uint8", {2, 2}, {chunk({0, 0}, size), chunk(second, size)}))
            .slice(index("w", {0, 0}), archive(size, "ab").build())
            .slice(index("w", second), damaged);
    const auto described = saved.describe();
    if (in_rows) {
      ASSERT_OK(described);
      const Record& record = *described->manifest.storages()[0].record;
      EXPECT_ERROR(verify_record(*described->source, record, {}), ErrorKind::kChecksum, "CRC-32");
    } else {
      EXPECT_ERROR(described, ErrorKind::kChecksum, "at 'w': the record's CRC-32");
    }
    EXPECT_OK(saved.describe({.verify_crc = false}));
  }
}

TEST(JoinSlices, OtherObjectsAreWhatTheyWere) {
  const std::string tensor_of_one =
      PickleBuilder("").tensor("ByteStorage", "0", 3, {1}, {1}, 2).bytes();
  const auto object = CheckpointBuilder()
                          .pickle(PickleBuilder()
                                      .mark()
                                      .raw(tensor_of_one)
                                      .empty_dict()
                                      .text("k")
                                      .raw(tensor_of_one)
                                      .op('s')
                                      .integer(7)
                                      .text("é")
                                      .tuple()
                                      .stop())
                          .storage("0", "xyz");
  const auto described = Saved()
                             .entry("a.0", tensor("uint8", {1}, {chunk({0}, {1})}))
                             .path("a.0", {text("a"), number(0)})
                             .slice(index("a.0", {0}), archive({1}, "w").build())
                             .entry("b", other())
                             .slice(index("b"), object.build())
                             .entry("a.2", other())
                             .path("a.2", {text("a"), number(2)})
                             .slice(index("a.2"), object.build())
                             .describe();
  ASSERT_OK(described);
  const Manifest& manifest = described->manifest;
  EXPECT_EQ(names_of(manifest), (Texts{"a.0", "a.2.0", "a.2.1.k", "b.0", "b.1.k"}));
  EXPECT_EQ(contents(*described), (Texts{"w", "xyz", "xyz"}));
  const Value list = *manifest.root().find("a");
  ASSERT_EQ(list.kind(), ValueKind::kList);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list.item(1).kind(), ValueKind::kNone);
  const Value tuple = list.item(2);
  EXPECT_EQ(tuple.item(2).as_int(), 7);
  EXPECT_EQ(tuple.item(3).as_string(), "é");
  EXPECT_EQ(manifest.tensors()[tuple.item(0).number()].offset, 2);
  EXPECT_EQ(manifest.tensors()[tuple.item(1).find("k")->number()].storage, 1u);
  const auto path = manifest.path(manifest.named_tensors()[2]);
  ASSERT_EQ(path.size(), 4u);
  EXPECT_EQ(path[0].as_string(), "a");
  EXPECT_EQ(path[1].as_int(), 2);
  EXPECT_EQ(path[2].as_int(), 1);
  EXPECT_EQ(path[3].as_string(), "k");
}

TEST(JoinSlices, TensorsAreWhatTheMetadataSays) {
  const auto with = [](const CheckpointBuilder& file) {
    return Saved()
        .entry("w", tensor("uint8", {4}, {chunk({0}, {4})}))
        .slice(index("w", {0}), file.build())
        .describe();
  };
  EXPECT_OK(with(archive({4}, "abcd")));
  EXPECT_ERROR(with(archive({2, 2}, "abcd")), ErrorKind::kLayout,
               "at 'w': the tensor in its slice");
  EXPECT_ERROR(with(archive({5}, "abcde")), ErrorKind::kLayout, "another dtype or shape");
  EXPECT_ERROR(with(archive({4}, "abcd", "CharStorage")), ErrorKind::kLayout, "another dtype");
  EXPECT_ERROR(with(CheckpointBuilder().pickle(PickleBuilder().none().stop())), ErrorKind::kLayout,
               "there is a NoneType");
}

TEST(JoinSlices, SlicesAreArchivesOfTorchSave) {
  const auto with = [](const std::string& bytes) {
    return Saved().entry("w", other()).slice(index("w"), bytes).describe();
  };
  const auto archive_of_none = CheckpointBuilder().pickle(PickleBuilder().none().stop());
  EXPECT_OK(with(archive_of_none.build()));
  EXPECT_ERROR(with(""), ErrorKind::kTooShort, "at 'w': the file is empty");
  EXPECT_ERROR(with("no archive"), ErrorKind::kUnknownFormat, "no format");
  CheckpointBuilder deflated = archive_of_none;
  deflated.record("data/0", std::string(100, 'x'), {.deflate = true});
  EXPECT_ERROR(with(deflated.build()), ErrorKind::kUnsupported, "is deflated");
  CheckpointBuilder big = archive_of_none;
  big.record("byteorder", "big");
  const auto both = Saved()
                        .entry("a", other())
                        .slice(index("a"), archive_of_none.build())
                        .entry("b", other())
                        .slice(index("b"), big.build());
  EXPECT_ERROR(both.describe(), ErrorKind::kUnsupported, "another byte order");
}

TEST(JoinSlices, ChunksAreDense) {
  // Its elements column by column.
  const auto transposed =
      CheckpointBuilder()
          .pickle(PickleBuilder().tensor("ByteStorage", "0", 4, {2, 2}, {1, 2}).stop())
          .storage("0", "acbd");
  const auto wider =
      CheckpointBuilder()
          .pickle(PickleBuilder().tensor("ByteStorage", "0", 5, {2, 2}, {2, 1}).stop())
          .storage("0", "abcdx");
  for (const CheckpointBuilder& file : {transposed, wider}) {
    const auto alone = Saved()
                           .entry("w", tensor("uint8", {2, 2}, {chunk({0, 0}, {2, 2})}))
                           .slice(index("w", {0, 0}), file.build());
    EXPECT_OK(alone.describe());
    const auto chunks =
        Saved()
            .entry("w", tensor("uint8", {3, 2}, {chunk({0, 0}, {2, 2}), chunk({2, 0}, {1, 2})}))
            .slice(index("w", {0, 0}), file.build())
            .slice(index("w", {2, 0}), archive({1, 2}, "ef").build());
    EXPECT_ERROR(chunks.describe(), ErrorKind::kUnsupported, "chunk 0 is not dense");
  }
}

// One slice under two names, moved by `by` bytes, and made longer.
Result<Described> two_slices(std::int64_t by, std::int64_t longer) {
  const std::string file = CheckpointBuilder().pickle(PickleBuilder().none().stop()).build();
  const auto length = static_cast<std::int64_t>(file.size());
  const std::string pickle =
      metadata({{text("a"), other()}, {text("b"), other()}},
               {{index("a"), info("f", 0, length)}, {index("b"), info("f", by, length + longer)}});
  const auto parsed =
      DistributedMetadata::read(testing::source_of(pickle), {}, Unlisted::kRefuse).value();
  const std::string twice = file + file;
  Buffer owned = Buffer::read(testing::source_of(twice), 0, twice.size()).value();
  return join_slices(parsed, "folder",
                     {std::make_shared<MemorySource>(std::move(owned), twice.size(), "f")}, {});
}

TEST(JoinSlices, SlicesAreInTheirFileAndDoNotOverlap) {
  const std::int64_t length = static_cast<std::int64_t>(
      CheckpointBuilder().pickle(PickleBuilder().none().stop()).build().size());
  EXPECT_OK(two_slices(length, 0));
  EXPECT_ERROR(two_slices(0, 0), ErrorKind::kBounds, "overlap");
  EXPECT_ERROR(two_slices(length - 1, 0), ErrorKind::kBounds, "overlap");
  EXPECT_ERROR(two_slices(length, 1), ErrorKind::kBounds, "bytes are needed here");
  EXPECT_ERROR(two_slices(INT64_MAX, 0), ErrorKind::kBounds, "bytes are needed here");
}

TEST(JoinSlices, LimitsHold) {
  Limits limits;
  limits.max_records = 8;
  const auto saved = Saved().chunked("w", {2}, {{{0}, {1}, "a"}, {{1}, {1}, "b"}});
  EXPECT_ERROR(saved.describe({.limits = limits}), ErrorKind::kLimit, "more records than");
}

}  // namespace
}  // namespace hardload
