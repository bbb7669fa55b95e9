// transfer to devices: every byte where it is wanted, through little memory, and all or nothing:
// whatever goes wrong, it is an error, after which nothing is on its way.

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"
#include "loader/transfer/staging_ring.h"
#include "loader/transfer/transfer.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/transfer/imitated_device.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

using testing::checkpoint_of;
using testing::DeviceSink;
using testing::first_numbers;
using testing::ImitatedDevice;
using testing::pattern;
using testing::SavedStorage;
using testing::ScriptedSource;

const Limits kLimits;
constexpr std::uint64_t kSlot = StagingRing::kSlot;

// Where everything is on the first device.
int on_first(std::size_t) { return 0; }
// On the host, the first, and the second device in turn.
int in_turn(std::size_t storage) { return static_cast<int>(storage % 3) - 1; }

// Small, large, empty and deflated storages.
std::vector<SavedStorage> storages() {
  std::vector<SavedStorage> all;
  for (unsigned i = 0; i < 60; ++i) all.push_back({pattern(i * i * 7 % 3000, i)});
  all.push_back({pattern(3 * kSlot + 5, 100)});
  all.push_back({""});
  all.push_back({pattern(kSlot + 200'000, 101), "ByteStorage", {.deflate = true}});
  all.push_back({pattern(300'000, 102)});
  for (unsigned i = 0; i < 20; ++i) all.push_back({pattern(65'000 + 100 * i, 200 + i)});
  all.push_back({pattern(1000, 103), "ByteStorage", {.deflate = true}});
  all.push_back({pattern(kSlot, 104)});
  return all;
}

// Fewer, where they are moved again and again.
std::vector<SavedStorage> some_storages() {
  std::vector<SavedStorage> all;
  for (unsigned i = 0; i < 12; ++i) all.push_back({pattern(i * 1000, i)});
  for (unsigned i = 0; i < 3; ++i) all.push_back({pattern(kSlot + 5, 100 + i)});
  for (unsigned i = 0; i < 3; ++i) {
    all.push_back({pattern(100'000, 200 + i), "ByteStorage", {.deflate = true}});
  }
  return all;
}

Manifest manifest_of(std::string_view bytes) {
  return describe(testing::source_of(bytes), {}).value();
}

Result<TransferReport> move_all(const ByteSource& source, const Manifest& manifest,
                                DeviceSink& sink, unsigned threads,
                                const ReportProgress& progress = {}) {
  auto moved =
      transfer(source, manifest, first_numbers(manifest.storages().size()), sink,
               {.limits = kLimits, .threads = threads, .verify_crc = true, .progress = progress});
  EXPECT_TRUE(sink.is_idle()) << "something is on its way yet";
  return moved;
}

void expect_contents(const DeviceSink& sink, const std::vector<SavedStorage>& saved) {
  for (std::size_t i = 0; i < saved.size(); ++i) {
    EXPECT_TRUE(sink.content(i) == saved[i].content) << i;
  }
}

// Bytes of which some are not in the page cache.
class ColdSource final : public ByteSource {
 public:
  explicit ColdSource(std::string_view bytes) : source_(testing::as_bytes(bytes), "cold") {}
  std::string_view name() const override { return source_.name(); }
  std::uint64_t size() const override { return source_.size(); }
  bool is_cached(std::uint64_t) const override { return false; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return source_.read_at(offset, out);
  }

 private:
  MemorySource source_;
};

TEST(TransferDevice, PutsEveryByteInItsPlace) {
  const std::vector<SavedStorage> saved = storages();
  const std::string bytes = checkpoint_of(saved).build();
  const Manifest manifest = manifest_of(bytes);
  const ScriptedSource warm(bytes);
  const ColdSource cold(bytes);
  for (const auto& place : {on_first, in_turn}) {
    for (const unsigned threads : {0u, 1u, 3u, 50u}) {
      for (const ByteSource* source :
           {static_cast<const ByteSource*>(&warm), static_cast<const ByteSource*>(&cold)}) {
        DeviceSink sink(2, place);
        sink.devices[0]->delay = std::chrono::microseconds(100);
        const auto report = move_all(*source, manifest, sink, threads);
        ASSERT_OK(report);
        EXPECT_EQ(report->bytes, report->verified_bytes);
        expect_contents(sink, saved);
      }
    }
  }
}

TEST(TransferDevice, BringsByteOrdersToTheMachines) {
  const bool is_little = std::endian::native == std::endian::little;
  for (const bool deflate : {false, true}) {
    std::vector<SavedStorage> saved = {
        {pattern(16, 1), "DoubleStorage"},
        {pattern(6, 2), "HalfStorage"},
        {pattern(3 * kSlot + 64, 3), "DoubleStorage"},
        {pattern(300'000, 4), "ComplexFloatStorage"},
        {pattern(9, 5), "CharStorage"},
    };
    for (SavedStorage& storage : saved) storage.tweaks.deflate = deflate;
    const std::string bytes =
        checkpoint_of(saved).record("byteorder", is_little ? "big" : "little").build();
    const std::size_t units[] = {8, 2, 8, 4, 1};
    for (std::size_t i = 0; i < saved.size(); ++i) {
      std::string& content = saved[i].content;
      for (std::size_t at = 0; at < content.size(); at += units[i]) {
        std::reverse(content.begin() + static_cast<std::ptrdiff_t>(at),
                     content.begin() + static_cast<std::ptrdiff_t>(at + units[i]));
      }
    }
    const ScriptedSource source(bytes);
    for (const auto& place : {on_first, in_turn}) {
      DeviceSink sink(2, place);
      ASSERT_OK(move_all(source, manifest_of(bytes), sink, 2));
      expect_contents(sink, saved);
    }
  }
}

TEST(TransferDevice, TakesNoMoreMemoryThanTheRing) {
  std::vector<SavedStorage> saved;
  for (unsigned i = 0; i < 12; ++i) saved.push_back({pattern(4 * kSlot, i)});
  const std::string bytes = checkpoint_of(saved).build();
  const ScriptedSource source(bytes);
  DeviceSink one(1, on_first), two(2, in_turn);
  ASSERT_OK(move_all(source, manifest_of(bytes), one, 2));
  EXPECT_EQ(one.devices[0]->staging_bytes(), StagingRing::kSlots * kSlot);
  EXPECT_EQ(one.devices[0]->copies, 48);
  ASSERT_OK(move_all(source, manifest_of(bytes), two, 2));
  for (const auto& device : two.devices) {
    EXPECT_EQ(device->staging_bytes(), StagingRing::kSlots / 2 * kSlot);
  }
}

// Small neighbours come with one copy.
TEST(TransferDevice, CopiesSmallStoragesTogether) {
  std::vector<SavedStorage> saved;
  for (unsigned i = 0; i < 1000; ++i) saved.push_back({pattern(16 + i % 5, i)});
  const std::string bytes = checkpoint_of(saved).build();
  const ScriptedSource source(bytes);
  DeviceSink sink(1, on_first);
  ASSERT_OK(move_all(source, manifest_of(bytes), sink, 1));
  EXPECT_LT(sink.devices[0]->copies, 10);
  expect_contents(sink, saved);
}

// A neighbour in the file that goes elsewhere, or comes later, is not overwritten.
TEST(TransferDevice, LeavesAloneWhatLiesBetween) {
  std::vector<SavedStorage> saved;
  for (unsigned i = 0; i < 300; ++i) {
    saved.push_back({pattern(40, i)});
    saved.back().tweaks.deflate = i % 4 == 1;
  }
  const std::string bytes = checkpoint_of(saved).build();
  const ScriptedSource source(bytes);
  DeviceSink sink(2, [](std::size_t i) { return i % 7 == 0 ? 1 : i % 11 == 0 ? -1 : 0; });
  ASSERT_OK(move_all(source, manifest_of(bytes), sink, 4));
  expect_contents(sink, saved);
}

// C09
TEST(TransferDevice, ComparesCrcs) {
  for (const bool deflate : {false, true}) {
    const std::string content = pattern(3 * kSlot, 4);
    std::string altered = content;
    altered[2 * kSlot + 7] ^= 1;
    testing::RecordTweaks tweaks = {.deflate = deflate};
    tweaks.stored = deflate ? testing::deflated(altered) : altered;
    const std::string bytes =
        checkpoint_of({{"before"}, {content, "ByteStorage", tweaks}, {"after"}}).build();
    const ScriptedSource source(bytes);
    DeviceSink sink(1, on_first);
    EXPECT_ERROR(move_all(source, manifest_of(bytes), sink, 2), ErrorKind::kChecksum,
                 "in record 'model/data/1'");
  }
}

// V09: makes the k-th of something fail, for each k there is; returns how many there are.
int failures_of(const std::function<void(DeviceSink&, int)>& fail, ErrorKind kind,
                std::string_view text, unsigned threads) {
  static const std::vector<SavedStorage> saved = some_storages();
  static const std::string bytes = checkpoint_of(saved).build();
  const Manifest manifest = manifest_of(bytes);
  const ScriptedSource source(bytes);
  for (int k = 0;; ++k) {
    DeviceSink sink(2, in_turn);
    fail(sink, k);
    const auto moved = move_all(source, manifest, sink, threads);
    if (moved.ok()) {
      expect_contents(sink, saved);
      return k;
    }
    EXPECT_EQ(moved.error().kind(), kind);
    EXPECT_NE(moved.error().problem().find(text), std::string::npos) << moved.error().display();
    if (k > 1000 || ::testing::Test::HasFailure()) {
      ADD_FAILURE() << "at failure " << k;
      return k;
    }
  }
}

TEST(TransferDevice, FailsWhereMemoryCannotBeHad) {
  EXPECT_EQ(failures_of([](DeviceSink& sink, int k) { sink.failing_allocation = k; },
                        ErrorKind::kOutOfMemory, "the device is full", 2),
            3);
  EXPECT_EQ(failures_of(
                [](DeviceSink& sink, int k) {
                  if (k < 2) sink.devices[static_cast<std::size_t>(k)]->failing_staging = 1;
                },
                ErrorKind::kOutOfMemory, "no staging memory", 2),
            2);
}

TEST(TransferDevice, FailsWhereTheDeviceDoes) {
  for (const unsigned threads : {1u, 4u}) {
    for (const std::size_t d : {0u, 1u}) {
      EXPECT_GE(failures_of([&](DeviceSink& sink, int k) { sink.devices[d]->failing_copy = k + 1; },
                            ErrorKind::kDevice, "no copy", threads),
                5);
      EXPECT_GE(
          failures_of([&](DeviceSink& sink, int k) { sink.devices[d]->failing_arrival = k + 1; },
                      ErrorKind::kDevice, "did not arrive", threads),
          5);
      EXPECT_GE(
          failures_of([&](DeviceSink& sink, int k) { sink.devices[d]->failing_finish = k + 1; },
                      ErrorKind::kDevice, "no finish", threads),
          1);
    }
  }
}

// V06
TEST(TransferDevice, FailsWhereTheFileDoes) {
  const std::string bytes = checkpoint_of(some_storages()).build();
  const Manifest manifest = manifest_of(bytes);
  for (int k = 1;; ++k) {
    ScriptedSource source(bytes);
    source.failing_read = k;
    DeviceSink sink(2, in_turn);
    sink.devices[1]->delay = std::chrono::microseconds(300);
    const auto moved = move_all(source, manifest, sink, 3);
    if (moved.ok()) break;
    EXPECT_ERROR(moved, ErrorKind::kIo, "the disk is gone");
    ASSERT_LT(k, 1000);
  }
}

// V10
TEST(TransferDevice, CanBeStoppedAtAnyTime) {
  const std::vector<SavedStorage> saved = storages();
  const std::string path = testing::write_temporary("stopped.pt", checkpoint_of(saved).build());
  const auto source = FileSource::open(path).value();
  const Manifest manifest = describe(*source, {}).value();
  for (int stop = 0;; ++stop) {
    std::atomic<int> calls = 0;
    DeviceSink sink(2, in_turn);
    sink.devices[0]->delay = std::chrono::microseconds(300);
    const auto done = move_all(*source, manifest, sink, 4,
                               [&](std::uint64_t, std::uint64_t) { return ++calls <= stop; });
    if (done.ok()) {
      EXPECT_GE(stop, 3);
      break;
    }
    EXPECT_ERROR(done, ErrorKind::kCancelled, "stopped by the caller");
    ASSERT_LT(stop, 100);
  }
}

}  // namespace
}  // namespace hardload
