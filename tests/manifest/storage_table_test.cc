// StorageTable: persistent ids against the archive's records and against each other.

#include "loader/manifest/storage_table.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/dtype.h"
#include "loader/base/text.h"
#include "tests/manifest/checkpoints.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::CheckpointBuilder;
using testing::PickleBuilder;

// One reference to a storage.
struct Id {
  std::string storage_class, key;
  std::int64_t numel;
  std::string location = "cpu";
};

// A file with a list of references, and records of zeros of the given sizes.
Result<Manifest> describe_ids(const std::vector<Id>& ids,
                              const std::vector<std::pair<std::string, std::size_t>>& records) {
  PickleBuilder pickle;
  pickle.empty_list().mark();
  for (const Id& id : ids) pickle.storage(id.storage_class, id.key, id.numel, id.location);
  CheckpointBuilder file;
  file.pickle(pickle.op('e').stop());
  for (const auto& [key, bytes] : records) file.storage(key, std::string(bytes, '\0'));
  return testing::describe_file(file);
}

// A file whose only object is the persistent id that `instructions` push.
Result<Manifest> describe_id(const std::string& instructions) {
  return testing::describe_pickle(PickleBuilder().raw(instructions).op('Q'));
}

TEST(StorageTable, ReadsAStorage) {
  const auto manifest = describe_ids({{"FloatStorage", "7", 3, "cuda:1"}}, {{"7", 12}, {"8", 5}});
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->storages().size(), 1u);  // T20: record 8 is not referenced
  const StorageSpec& storage = manifest->storages()[0];
  EXPECT_EQ(storage.key, "7");
  EXPECT_EQ(storage.location, "cuda:1");
  EXPECT_EQ(storage.dtype, Dtype::kFloat32);
  EXPECT_EQ(storage.bytes, 12u);
  ASSERT_NE(storage.record, nullptr);
  EXPECT_EQ(storage.record->name, "model/data/7");
  EXPECT_EQ(manifest->root().item(0).number(), 0u);
}

// T21
TEST(StorageTable, KnowsTheSizeOfEachClass) {
  const std::pair<std::string_view, std::size_t> classes[] = {
      {"torch\nDoubleStorage", 8},
      {"torch\nFloatStorage", 4},
      {"torch\nHalfStorage", 2},
      {"torch\nBFloat16Storage", 2},
      {"torch\nLongStorage", 8},
      {"torch\nIntStorage", 4},
      {"torch\nShortStorage", 2},
      {"torch\nCharStorage", 1},
      {"torch\nByteStorage", 1},
      {"torch\nBoolStorage", 1},
      {"torch\nComplexDoubleStorage", 16},
      {"torch\nComplexFloatStorage", 8},
      {"torch.cuda\nFloatStorage", 4},
      {"torch.cuda\nDoubleStorage", 8},
      {"torch.storage\nUntypedStorage", 1},
  };
  for (const auto& [name, item] : classes) {
    const std::string id = PickleBuilder("")
                               .mark()
                               .text("storage")
                               .raw("c")
                               .raw(name)
                               .raw("\n")
                               .text("0")
                               .text("cpu")
                               .integer(5)
                               .tuple()
                               .op('Q')
                               .bytes();
    const CheckpointBuilder file = CheckpointBuilder().pickle(PickleBuilder().raw(id).stop());
    const auto right =
        testing::describe_file(CheckpointBuilder(file).storage("0", std::string(5 * item, 'x')));
    ASSERT_OK(right) << name;
    EXPECT_EQ(item_bytes(right->storages()[0].dtype), item) << name;
    EXPECT_ERROR(testing::describe_file(
                     CheckpointBuilder(file).storage("0", std::string(5 * item + 1, 'x'))),
                 ErrorKind::kStorage, "does not match expected size")
        << name;
  }
}

// T01
TEST(StorageTable, RefusesIdsOfAnotherForm) {
  const std::string storage = "U\x07storage", type = "ctorch\nFloatStorage\n",
                    key =
                        "U\x01"
                        "0",
                    location =
                        "U\x03"
                        "cpu",
                    numel = "K\x06";
  ASSERT_OK(describe_id("(" + storage + type + key + location + numel + "t"));
  for (const std::string& parts : {
           ""s,
           storage,
           storage + type,
           storage + type + key,
           storage + type + key + location,
           storage + type + key + location + numel + "N",
           "U\x07Storage" + type + key + location + numel,
           "U\x08storage " + type + key + location + numel,
           "N" + type + key + location + numel,
           "U\x06module" + type + key + location + numel,
           storage + "N" + key + location + numel,
           storage +
               "U\x0c"
               "FloatStorage" +
               key + location + numel,
           storage + "ctorch\nfloat32\n" + key + location + numel,
           storage + "ctorch\nFloatTensor\n" + key + location + numel,
           storage + "ctorch._utils\n_rebuild_tensor\n" + key + location + numel,
           storage + type + "K\0"s + location + numel,  // T02
           storage + type + "N" + location + numel,
           storage + type + key + "N" + numel,
           storage + type + key + "K\0"s + numel,
           storage + type + key + "ctorch\ndevice\n" + location + "\x85R" + numel,
           storage + type + key + location + "N",
           storage + type + key + location + "\x88",
           storage + type + key + location +
               "U\x01"
               "6",
           storage + type + key + location + "G@\x18\0\0\0\0\0\0"s,
           storage + type + key + location + "\x8a\x09\x06\0\0\0\0\0\0\0\1"s,
       }) {
    EXPECT_ERROR(describe_id("(" + parts + "t"), ErrorKind::kPersId,
                 "a storage reference is not ('storage', class, key, location, number")
        << parts;
  }
}

// T02
TEST(StorageTable, RefusesUnsafeKeys) {
  for (const std::string& key : {""s, "/"s, "a/b"s, "../0"s, ".."s, "."s, "/etc/passwd"s, "0\0"s,
                                 "\0"s, "0/"s, std::string(100'000, '0'), std::string(4097, '0')}) {
    EXPECT_ERROR(describe_ids({{"FloatStorage", key, 6}}, {{"0", 24}}), ErrorKind::kName,
                 "is unsafe")
        << key.substr(0, 20);
  }
  for (const std::string& key : {"0"s, "..."s, "a b"s, "94735"s, ".x"s}) {
    EXPECT_OK(describe_ids({{"FloatStorage", key, 6}}, {{key, 24}})) << key;
  }
}

// T03
TEST(StorageTable, RefusesAKeyWithoutRecord) {
  const auto missing = describe_ids({{"FloatStorage", "1", 6}}, {{"0", 24}});
  EXPECT_ERROR(missing, ErrorKind::kStorage, "storage '1': the archive has no record for it");
  EXPECT_ERROR(describe_ids({{"FloatStorage", "A", 6}}, {{"a", 24}}), ErrorKind::kStorage,
               "no record");
}

// T04
TEST(StorageTable, RefusesImpossibleNumbersOfElements) {
  EXPECT_ERROR(describe_ids({{"FloatStorage", "0", -1}}, {{"0", 24}}), ErrorKind::kStorage,
               "it declares -1 elements");
  EXPECT_ERROR(describe_ids({{"FloatStorage", "0", std::int64_t{1} << 62}}, {{"0", 0}}),
               ErrorKind::kStorage, "it declares 4611686018427387904 elements, which overflow");
  // 2^61 + 3 complex numbers of 16 bytes wrap around to 48 bytes.
  EXPECT_ERROR(
      describe_ids({{"ComplexDoubleStorage", "0", (std::int64_t{1} << 61) + 3}}, {{"0", 48}}),
      ErrorKind::kStorage, "which overflow");
}

// T05, T06
TEST(StorageTable, RefusesARecordOfAnotherSize) {
  const auto shorter = describe_ids({{"FloatStorage", "0", 6}}, {{"0", 20}});
  EXPECT_ERROR(shorter, ErrorKind::kStorage,
               "record size (20 bytes) does not match expected size (24 bytes = 6 elements * 4 "
               "bytes/element) for dtype float32");
  ASSERT_FALSE(shorter.ok());
  EXPECT_EQ(shorter.error().record(), "model/data/0");
  for (const std::size_t bytes : {0u, 4u, 23u, 25u, 28u, 1000u}) {
    EXPECT_ERROR(describe_ids({{"FloatStorage", "0", 6}}, {{"0", bytes}}), ErrorKind::kStorage,
                 concat("record size (", bytes, " bytes)"));
  }
  EXPECT_ERROR(describe_ids({{"FloatStorage", "0", 0}}, {{"0", 4}}), ErrorKind::kStorage,
               "does not match expected size (0 bytes");
  EXPECT_OK(describe_ids({{"FloatStorage", "0", 6}}, {{"0", 24}}));
}

// T14
TEST(StorageTable, AnEmptyStorageNeedsNoRecord) {
  const auto manifest = describe_ids({{"FloatStorage", "0", 0}}, {});
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->storages()[0].record, nullptr);
  EXPECT_EQ(manifest->storages()[0].bytes, 0u);
  const auto with_record = describe_ids({{"FloatStorage", "0", 0}}, {{"0", 0}});
  ASSERT_OK(with_record);
  EXPECT_NE(with_record->storages()[0].record, nullptr);
}

TEST(StorageTable, ReferencesToOneKeyAreOneStorage) {
  const auto manifest =
      describe_ids({{"FloatStorage", "0", 6}, {"LongStorage", "1", 1}, {"FloatStorage", "0", 6}},
                   {{"0", 24}, {"1", 8}});
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->storages().size(), 2u);
  EXPECT_EQ(manifest->root().item(0).number(), 0u);
  EXPECT_EQ(manifest->root().item(1).number(), 1u);
  EXPECT_EQ(manifest->root().item(2).number(), 0u);
}

// T07
TEST(StorageTable, RefusesReferencesThatContradictEachOther) {
  const Id first = {"FloatStorage", "0", 6, "cuda:0"};
  for (const Id& second : {
           Id{"IntStorage", "0", 6, "cuda:0"},     // another type of the same width
           Id{"DoubleStorage", "0", 3, "cuda:0"},  // the same number of bytes
           Id{"UntypedStorage", "0", 24, "cuda:0"},
           Id{"FloatStorage", "0", 5, "cuda:0"},
           Id{"FloatStorage", "0", 0, "cuda:0"},
           Id{"FloatStorage", "0", 6, "cuda:1"},
           Id{"FloatStorage", "0", 6, "cpu"},
       }) {
    EXPECT_ERROR(describe_ids({first, second}, {{"0", 24}}), ErrorKind::kStorage,
                 "storage '0': two references to it differ in type, size or location")
        << second.storage_class << second.numel << second.location;
  }
  EXPECT_OK(describe_ids({first, first}, {{"0", 24}}));
  EXPECT_ERROR(describe_ids({{"FloatStorage", "0", 0}, {"FloatStorage", "0", 6}}, {{"0", 24}}),
               ErrorKind::kStorage, "does not match");
  EXPECT_ERROR(describe_ids({{"FloatStorage", "0", 0}, {"FloatStorage", "0", 6}}, {}),
               ErrorKind::kStorage, "two references");
}

// T07: in torch, one that is popped gives the storage its type if it is the first.
TEST(StorageTable, ComparesReferencesThatTheObjectLetGo) {
  const auto describe_popped = [](const Id& popped) {
    PickleBuilder pickle;
    pickle.storage(popped.storage_class, popped.key, popped.numel, popped.location).op('0');
    pickle.storage("FloatStorage", "0", 6).storage("FloatStorage", "none", 0).raw("\x86"s);
    return testing::describe_file(
        CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(24, '\0')));
  };
  for (const Id& popped : {Id{"IntStorage", "0", 6}, Id{"FloatStorage", "0", 5},
                           Id{"FloatStorage", "0", 6, "cuda:0"}, Id{"FloatStorage", "none", 6}}) {
    EXPECT_ERROR(describe_popped(popped), ErrorKind::kStorage, "two references")
        << popped.storage_class << popped.numel << popped.location;
  }
  for (const Id& popped :
       {Id{"FloatStorage", "0", 6}, Id{"IntStorage", "none", 0}, Id{"IntStorage", "other", 7}}) {
    const auto manifest = describe_popped(popped);
    ASSERT_OK(manifest);
    EXPECT_EQ(manifest->storages().size(), 2u);
  }
}

// T07: the pairs that torch.save itself writes.
TEST(StorageTable, TakesPairsThatTorchWrites) {
  const auto bytes =
      describe_ids({{"ByteStorage", "0", 8}, {"UntypedStorage", "0", 8}}, {{"0", 8}});
  ASSERT_OK(bytes);
  EXPECT_EQ(bytes->storages().size(), 1u);
  EXPECT_OK(describe_ids({{"UntypedStorage", "0", 8}, {"ByteStorage", "0", 8}}, {{"0", 8}}));

  const auto empty = describe_ids({{"FloatStorage", "0", 0}, {"LongStorage", "0", 0}}, {{"0", 0}});
  ASSERT_OK(empty);
  EXPECT_EQ(empty->storages().size(), 1u);
  EXPECT_OK(describe_ids({{"FloatStorage", "0", 0}, {"LongStorage", "0", 0, "cuda:0"}}, {}));
}

TEST(StorageTable, ATensorHasTheTypeOfItsOwnReference) {
  const auto manifest =
      testing::describe_file(CheckpointBuilder()
                                 .pickle(PickleBuilder()
                                             .empty_list()
                                             .mark()
                                             .tensor("FloatStorage", "0", 0, {0}, {1})
                                             .tensor("LongStorage", "0", 0, {0}, {1})
                                             .op('e')
                                             .stop())
                                 .storage("0", ""));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->tensors()[0].dtype, Dtype::kFloat32);
  EXPECT_EQ(manifest->tensors()[1].dtype, Dtype::kInt64);
}

TEST(StorageTable, NamesTheTensorWhoseStorageIsWrong) {
  const auto manifest = testing::describe_pickle(PickleBuilder()
                                                     .empty_dict()
                                                     .text("layer.weight")
                                                     .tensor("FloatStorage", "9", 6, {1}, {1})
                                                     .op('s'));
  EXPECT_ERROR(manifest, ErrorKind::kStorage, "at 'layer.weight': storage '9': ");
}

// T17
TEST(StorageTable, ManyReferencesToOneStorage) {
  const auto manifest =
      describe_ids(std::vector<Id>(100'000, {"FloatStorage", "0", 6}), {{"0", 24}});
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->storages().size(), 1u);
}

TEST(StorageTable, ManyStorages) {
  std::vector<Id> ids;
  std::vector<std::pair<std::string, std::size_t>> records;
  for (std::size_t i = 0; i < 3000; ++i) {
    ids.push_back({"ByteStorage", concat("k", i), static_cast<std::int64_t>(i % 7)});
    records.emplace_back(concat("k", i), i % 7);
  }
  const auto manifest = describe_ids(ids, records);
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->storages().size(), 3000u);
  EXPECT_EQ(manifest->storages()[2999].key, "k2999");
}

// Each tensor that uses a storage is shown with both.
TEST(StorageTable, RefusesLongKeysAndLocations) {
  const auto with = [](std::size_t key, std::size_t location) {
    const std::string name(key, 'k');
    PickleBuilder pickle;
    pickle.mark().text("storage").global("torch", "ByteStorage").text(name);
    pickle.text(std::string(location, 'l')).integer(1).tuple().op('Q');
    return testing::describe_file(CheckpointBuilder().pickle(pickle.stop()).storage(name, "x"));
  };
  EXPECT_OK(with(256, 256));
  EXPECT_ERROR(with(257, 1), ErrorKind::kName, "is unsafe");
  EXPECT_ERROR(with(1, 257), ErrorKind::kLimit, "has 257 bytes, over 256");
}

}  // namespace
}  // namespace hardload
