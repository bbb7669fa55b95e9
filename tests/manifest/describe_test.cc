// describe: the whole left half of the corridor, what it refuses, and what it leaves alone.

#include "loader/manifest/describe.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::describe_bytes;
using testing::describe_file;
using testing::PickleBuilder;
using testing::RecordTweaks;

std::string tensor_pickle() { return PickleBuilder().raw(testing::tensor()).stop(); }

CheckpointBuilder good_file() {
  return CheckpointBuilder().pickle(tensor_pickle()).storage("0", std::string(24, '\1'));
}

RecordTweaks wrong_crc() {
  RecordTweaks tweaks;
  tweaks.descriptor = [](testing::DescriptorFields& f) { f.crc32 ^= 1; };
  tweaks.central = [](testing::CentralFields& f) { f.crc32 ^= 1; };
  return tweaks;
}

TEST(Describe, GoesFromBytesToTensors) {
  const auto manifest = describe_file(good_file());
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->tensors().size(), 1u);
  EXPECT_EQ(manifest->byte_order(), ByteOrder::kLittle);
  EXPECT_EQ(manifest->container().format(), Format::kTorchZip);
  EXPECT_EQ(manifest->container().storage("0")->name, "model/data/0");
  EXPECT_EQ(manifest->container().version(), 3u);
  EXPECT_EQ(describe_file(good_file().record("byteorder", "big"))->byte_order(), ByteOrder::kBig);
}

// What is no zip file is told by what it is.
TEST(Describe, RefusesOtherKindsOfFilesWithAnExplanation) {
  struct Case {
    std::string bytes;
    ErrorKind kind;
    std::string_view part;
  };
  const Case cases[] = {
      {"", ErrorKind::kTooShort, "the file is empty"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n",
       ErrorKind::kUnknownFormat, "Git LFS pointer, not the checkpoint: the real file has 12"},
      {"<!DOCTYPE html><html>", ErrorKind::kUnknownFormat, "this is a web page"},
      {"{\"error\": \"not found\"}", ErrorKind::kUnknownFormat, "this is a JSON text"},
      {"\x1f\x8b\x08", ErrorKind::kUnsupported, "this is a gzip file"},
      {"7z\xbc\xaf\x27\x1c", ErrorKind::kUnsupported, "this is a compressed archive"},
      {std::string(257, '\0') + "ustar", ErrorKind::kContainer, "the tar ends"},
      {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", ErrorKind::kPickle,
       "does not begin with its protocol"},
      {tensor_pickle(), ErrorKind::kUnsupported, "this is a plain Python pickle"},
      {"\x80\x04N.", ErrorKind::kUnsupported, "this is a plain Python pickle"},
      {"PYTORCH1", ErrorKind::kUnsupported, "a torch preview release"},
      {"\x89HDF\r\n\x1a\n", ErrorKind::kUnsupported, "this is an HDF5 file"},
      {"\x93NUMPY", ErrorKind::kUnsupported, "this is a numpy array"},
      {"GGUF", ErrorKind::kUnsupported, "this is a GGUF file"},
      {"hello", ErrorKind::kUnknownFormat, "it begins with 'hello'"},
  };
  for (const auto& [bytes, kind, part] : cases) {
    const auto manifest = describe_bytes(bytes);
    EXPECT_ERROR(manifest, kind, part);
    if (!manifest.ok()) {
      EXPECT_EQ(manifest.error().source(), "test") << part;
    }
  }
}

TEST(Describe, EveryErrorNamesTheSource) {
  for (const CheckpointBuilder& file : {
           good_file().record("version", "99"),
           good_file().without("data.pkl"),
           CheckpointBuilder().pickle("\x80\x02"),
           CheckpointBuilder().pickle("\x80\x02"
                                      "cos\nsystem\n."),
           CheckpointBuilder().pickle(tensor_pickle()),
       }) {
    const auto manifest = describe_file(file);
    ASSERT_FALSE(manifest.ok());
    EXPECT_EQ(manifest.error().source(), "test");
    EXPECT_TRUE(manifest.error().message().starts_with("test: ")) << manifest.error().message();
  }
}

TEST(Describe, ErrorsOfThePickleNameItsRecordAndByte) {
  const auto manifest = describe_file(CheckpointBuilder().folder("my").pickle("\x80\x02N\xff."));
  ASSERT_TRUE(testing::is_error(manifest, ErrorKind::kPickle, "byte 255 is no instruction"));
  EXPECT_EQ(manifest.error().record(), "my/data.pkl");
  EXPECT_EQ(manifest.error().offset(), 3u);
}

TEST(Describe, ComparesTheCrcOfThePickleUnlessToldNotTo) {
  const auto file = good_file().record("data.pkl", tensor_pickle(), wrong_crc());
  const auto refused = describe_file(file);
  ASSERT_TRUE(testing::is_error(refused, ErrorKind::kChecksum, "CRC-32"));
  EXPECT_EQ(refused.error().record(), "model/data.pkl");
  EXPECT_OK(describe_file(file, {.verify_crc = false}));
  EXPECT_OK(describe_file(good_file()));
}

TEST(Describe, LeavesTheCrcOfStoragesToThoseWhoReadThem) {
  EXPECT_OK(describe_file(CheckpointBuilder()
                              .pickle(tensor_pickle())
                              .record("data/0", std::string(24, '\1'), wrong_crc())));
}

// P30, N10
TEST(Describe, TakesNoPickleOverTheLimit) {
  const std::size_t size = tensor_pickle().size();
  EXPECT_OK(describe_file(good_file(), {.limits = {.max_pickle_bytes = size}}));
  const auto refused = describe_file(good_file(), {.limits = {.max_pickle_bytes = size - 1}});
  ASSERT_TRUE(testing::is_error(refused, ErrorKind::kLimit, "over the limit of"));
  EXPECT_EQ(refused.error().record(), "model/data.pkl");
}

TEST(Describe, HandsItsLimitsToEveryStage) {
  EXPECT_ERROR(describe_file(good_file(), {.limits = {.max_records = 3}}), ErrorKind::kLimit,
               "max_records");
  EXPECT_ERROR(describe_file(good_file(), {.limits = {.max_stack = 2}}), ErrorKind::kLimit,
               "max_stack");
  EXPECT_ERROR(describe_file(good_file(), {.limits = {.max_rank = 0}}), ErrorKind::kLimit,
               "max_rank");
}

TEST(Describe, ADeflatedPickleIsThatPickle) {
  const auto manifest =
      describe_file(good_file().record("data.pkl", tensor_pickle(), {.deflate = true}));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->tensors().size(), 1u);
}

// N08, T20
TEST(Describe, LooksAtNoRecordThatItDoesNotNeed) {
  EXPECT_OK(describe_file(good_file()
                              .record("other.pkl",
                                      "\x80\x02"
                                      "cos\nsystem\n)R.")
                              .record("data/data.pkl", "cos\nsystem\n.")
                              .storage("1", "never mentioned")
                              .record(".data/unknown", "x")));
}

// T18
TEST(Describe, StoragesMayLieAtAnyByte) {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    const std::string bytes = testing::ZipBuilder(0)
                                  .add("m/data.pkl", tensor_pickle())
                                  .add("m/pad", std::string(shift + 1, 'x'))
                                  .add("m/data/0", std::string(24, '\1'))
                                  .add("m/version", "3\n")
                                  .build();
    const auto manifest = describe_bytes(bytes);
    ASSERT_OK(manifest);
    const Record& record = *manifest->storages()[0].record;
    EXPECT_EQ(bytes.substr(record.data_offset, 24), std::string(24, '\1'));
  }
}

// A source that fails, or throws, at the n-th read.
class FailingSource final : public ByteSource {
 public:
  FailingSource(std::string_view bytes, int reads, bool throws)
      : source_(testing::as_bytes(bytes), "test"), reads_(reads), throws_(throws) {}

  std::string_view name() const override { return "failing"; }
  std::uint64_t size() const override { return source_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    ranges_.emplace_back(offset, out.size());
    if (reads_-- != 0) return source_.read_at(offset, out);
    if (throws_) throw std::bad_alloc();
    return Error(ErrorKind::kIo, Stage::kBytes, "the disk is on fire");
  }

  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges() const { return ranges_; }

 private:
  MemorySource source_;
  mutable int reads_;
  bool throws_;
  mutable std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

TEST(Describe, AFailingReadIsAnError) {
  const std::string file = good_file().build();
  const FailingSource whole(file, -1, false);
  ASSERT_OK(describe(whole, {}));
  const int reads = static_cast<int>(whole.ranges().size());
  EXPECT_GT(reads, 5);
  for (int i = 0; i < reads; ++i) {
    const auto failed = describe(FailingSource(file, i, false), {});
    ASSERT_TRUE(testing::is_error(failed, ErrorKind::kIo, "the disk is on fire")) << i;
    EXPECT_EQ(failed.error().source(), "failing");
    const auto no_memory = describe(FailingSource(file, i, true), {});
    ASSERT_TRUE(testing::is_error(no_memory, ErrorKind::kOutOfMemory)) << i;
    EXPECT_EQ(no_memory.error().source(), "failing");
  }
}

TEST(Describe, ReadsNoTensorData) {
  constexpr std::size_t kBytes = 4 << 20;
  const std::string pickle = PickleBuilder().tensor("ByteStorage", "0", kBytes, {1}, {1}).stop();
  const std::string file =
      CheckpointBuilder().pickle(pickle).storage("0", std::string(kBytes, '\7')).build();
  const FailingSource source(file, -1, false);
  const auto manifest = describe(source, {});
  ASSERT_OK(manifest);
  const Record& record = *manifest->storages()[0].record;
  std::uint64_t inside = 0;
  for (const auto& [offset, size] : source.ranges()) {
    const auto begin = std::max(offset, record.data_offset);
    const auto end = std::min(offset + size, record.data_offset + record.bytes);
    if (begin < end) inside += end - begin;
  }
  // Headers and the end of the file are read in blocks, which may begin or end in tensor data.
  EXPECT_LE(inside, std::uint64_t{256} << 10);
}

TEST(Describe, KeepsNothingOfTheSource) {
  std::string file = good_file().folder("f").build();
  auto manifest = describe_bytes(file);
  ASSERT_OK(manifest);
  file.assign(file.size(), '\0');
  EXPECT_EQ(manifest->storages()[0].key, "0");
  EXPECT_EQ(manifest->storages()[0].location, "cpu");
  EXPECT_EQ(manifest->storages()[0].record->name, "f/data/0");
}

}  // namespace
}  // namespace hardload
