// read_ranges: every byte where it is wanted, from the page cache and past it, verified.

#include "loader/transfer/read_ranges.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/crc32.h"
#include "tests/support/matchers.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

using testing::as_bytes;
using testing::pattern;

// Bytes of which some are not in the page cache, and which tells how each was read.
class ColdSource final : public ByteSource {
 public:
  explicit ColdSource(std::string_view bytes) : source_(as_bytes(bytes), "cold") {}

  std::string_view name() const override { return source_.name(); }
  std::uint64_t size() const override { return source_.size(); }
  bool is_cached(std::uint64_t offset) const override { return offset < cold_from; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    cached_bytes += out.size();
    return source_.read_at(offset, out);
  }
  Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const override {
    EXPECT_EQ(offset % kDirectUnit, 0u);
    EXPECT_EQ(out.size() % kDirectUnit, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(out.data()) % kDirectUnit, 0u);
    direct_bytes += out.size();
    const int now = ++at_a_time;
    int most = most_at_a_time;
    while (now > most && !most_at_a_time.compare_exchange_weak(most, now)) {
    }
    if (++direct_reads == failing_direct_read) {
      return Error(ErrorKind::kIo, Stage::kBytes, "the disk is gone").at(offset);
    }
    auto done = source_.read_direct(offset, out);
    --at_a_time;
    return done;
  }

  std::uint64_t cold_from = ~std::uint64_t{0};
  int failing_direct_read = 0;
  mutable std::atomic<std::uint64_t> cached_bytes = 0, direct_bytes = 0;
  mutable std::atomic<int> direct_reads = 0, at_a_time = 0, most_at_a_time = 0;

 private:
  MemorySource source_;
};

// Ranges of a file, each with memory of exactly its size.
struct Wanted {
  std::vector<FileRange> ranges;
  std::vector<std::unique_ptr<std::byte[]>> memory;

  void add(std::uint64_t offset, std::uint64_t bytes, const Record* record = nullptr) {
    memory.push_back(std::make_unique<std::byte[]>(bytes));
    ranges.push_back({offset, bytes, memory.back().get(), record});
  }
  // Whether each holds what `file` has there.
  bool are_right(std::string_view file) const {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      const std::string_view content(reinterpret_cast<const char*>(memory[i].get()),
                                     ranges[i].bytes);
      if (content != file.substr(ranges[i].offset, ranges[i].bytes)) return false;
    }
    return true;
  }
};

Record record_of(std::string_view file, std::uint64_t offset, std::uint64_t bytes) {
  Record record = {};
  record.name = "data/7";
  record.data_offset = offset;
  record.bytes = record.stored_bytes = bytes;
  record.crc32 = crc32(as_bytes(file.substr(offset, bytes)));
  return record;
}

Wanted mixed(std::string_view file, unsigned seed) {
  std::mt19937 random(seed);
  Wanted wanted;
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t bytes = random() % (i % 20 == 0 ? 6 << 20 : 1u << (random() % 18));
    wanted.add(random() % (file.size() - bytes), bytes);
  }
  return wanted;
}

TEST(ReadRanges, PutsEveryByteInItsPlace) {
  const std::string file = pattern(20 << 20, 1);
  for (const std::uint64_t cold_from :
       {std::uint64_t{0}, std::uint64_t{7'000'000}, ~std::uint64_t{0}}) {
    for (const unsigned threads : {0u, 1u, 3u}) {
      ColdSource source(file);
      source.cold_from = cold_from;
      Wanted wanted = mixed(file, threads);
      Progress progress({}, 0);
      EXPECT_OK(read_ranges(source, wanted.ranges, {.threads = threads, .progress = progress}));
      EXPECT_TRUE(wanted.are_right(file)) << cold_from << " " << threads;
      EXPECT_EQ(source.direct_bytes == 0, cold_from == ~std::uint64_t{0});
      EXPECT_EQ(source.cached_bytes == 0, cold_from == 0);
    }
  }
}

TEST(ReadRanges, AsksADiskForManyThingsAtATime) {
  const std::string file = pattern(64 << 20, 2);
  ColdSource source(file);
  source.cold_from = 0;
  Wanted wanted;
  wanted.add(100, file.size() - 200);
  Progress progress({}, 0);
  ASSERT_OK(read_ranges(source, wanted.ranges, {.progress = progress}));
  EXPECT_TRUE(wanted.are_right(file));
  EXPECT_GT(source.most_at_a_time, 1);
}

TEST(ReadRanges, CountsEveryByteAsProgress) {
  const std::string file = pattern(3 << 20, 3);
  const ColdSource source(file);
  Wanted wanted;
  wanted.add(0, 2 << 20);
  for (std::uint64_t i = 0; i < 100; ++i) wanted.add((2 << 20) + 300 * i, 16);
  wanted.ranges.push_back({5, 1000, nullptr});
  std::uint64_t last = 0;
  const std::uint64_t total = (2 << 20) + 1600 + 1000;
  Progress progress([&](std::uint64_t done, std::uint64_t) { return last = done, true; }, total);
  ASSERT_OK(read_ranges(source, wanted.ranges, {.threads = 1, .progress = progress}));
  EXPECT_EQ(last, total);
  EXPECT_TRUE(wanted.are_right(file));
}

TEST(ReadRanges, ComparesCrcsAcrossPieces) {
  std::string file = pattern(12 << 20, 4);
  const Record large = record_of(file, 1000, 11 << 20), small = record_of(file, 64, 100);
  const auto read = [&](std::uint64_t cold_from, bool into_memory) {
    ColdSource source(file);
    source.cold_from = cold_from;
    Wanted wanted;
    wanted.add(large.data_offset, large.bytes, &large);
    wanted.add(small.data_offset, small.bytes, &small);
    if (!into_memory) {
      for (FileRange& range : wanted.ranges) range.destination = nullptr;
    }
    Progress progress({}, 0);
    return read_ranges(source, wanted.ranges, {.progress = progress});
  };
  for (const std::uint64_t cold_from : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    for (const bool into_memory : {false, true}) EXPECT_OK(read(cold_from, into_memory));
  }
  for (const std::size_t at : {std::size_t{64}, std::size_t{163}, std::size_t{1000},
                               std::size_t{5'000'000}, (std::size_t{11} << 20) + 999}) {
    file[at] = static_cast<char>(file[at] ^ 4);
    for (const std::uint64_t cold_from : {std::uint64_t{0}, ~std::uint64_t{0}}) {
      for (const bool into_memory : {false, true}) {
        EXPECT_ERROR(read(cold_from, into_memory), ErrorKind::kChecksum, "CRC-32") << at;
      }
    }
    file[at] = static_cast<char>(file[at] ^ 4);
  }
  EXPECT_OK(read(0, true));
}

TEST(ReadRanges, SaysWhichDestinationsChanged) {
  const std::string file = pattern(1 << 20, 5);
  ColdSource source(file);
  source.cold_from = 0;
  source.failing_direct_read = 2;
  Wanted wanted;
  for (const std::uint64_t offset : {0u, 300'000u, 600'000u}) wanted.add(offset, 100'000);
  std::vector<std::atomic<bool>> begun(3);
  Progress progress({}, 0);
  ReadOptions options = {.threads = 1, .progress = progress};
  options.begun = begun.data();
  EXPECT_ERROR(read_ranges(source, wanted.ranges, options), ErrorKind::kIo, "the disk is gone");
  EXPECT_TRUE(begun[0]);
  EXPECT_FALSE(begun[1]);
  EXPECT_FALSE(begun[2]);
}

TEST(ReadRanges, StopsWhereTheCallerWants) {
  const std::string file = pattern(9 << 20, 6);
  for (int stop = 1; stop < 9; ++stop) {
    const ColdSource source(file);
    Wanted wanted;
    wanted.add(0, file.size());
    int calls = 0;
    Progress progress([&](std::uint64_t, std::uint64_t) { return ++calls < stop; }, file.size());
    const auto done = read_ranges(source, wanted.ranges, {.threads = 1, .progress = progress});
    if (done.ok()) {
      EXPECT_LT(calls, stop);
    } else {
      EXPECT_ERROR(done, ErrorKind::kCancelled, "stopped");
    }
  }
}

// From whatever thread: what it threw goes nowhere.
TEST(ReadRanges, StopsWhereTheReportThrows) {
  const std::string file = pattern(9 << 20, 6);
  for (const unsigned threads : {1u, 4u}) {
    const ColdSource source(file);
    Wanted wanted;
    wanted.add(0, file.size());
    int calls = 0;
    const auto report = [&](std::uint64_t, std::uint64_t) -> bool {
      ++calls;
      throw std::runtime_error("the bar is gone");
    };
    Progress progress(report, file.size());
    EXPECT_ERROR(read_ranges(source, wanted.ranges, {.threads = threads, .progress = progress}),
                 ErrorKind::kCancelled, "stopped");
    EXPECT_ERROR(progress.add(0), ErrorKind::kCancelled, "stopped");
    EXPECT_EQ(calls, 1);
  }
}

}  // namespace
}  // namespace hardload
