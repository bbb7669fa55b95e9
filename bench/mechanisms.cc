// What each mechanism of the engine is worth: with it, and without.
//
//   ./bazelw run //bench:mechanisms
//
// Each pair does the same work on the same bytes. Files lie in $TMPDIR, which for the last pair has
// to be on a disk.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include "bench/machine.h"
#include "loader/bytes/file_source.h"
#include "loader/container/crc32.h"
#include "loader/transfer/arena.h"
#include "loader/transfer/device_copies.h"
#include "loader/transfer/read_ranges.h"
#include "loader/transfer/staging_ring.h"

namespace hardload::bench {
namespace {

constexpr std::uint64_t kBytes = 256 << 20;

// A file of kBytes bytes that is removed at the end.
class TestFile {
 public:
  TestFile() : path_((std::filesystem::temp_directory_path() / "hardload-mechanisms").string()) {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::vector<std::uint32_t> words(1 << 20);
    std::uint32_t state = 1;
    for (std::uint64_t done = 0; done < kBytes; done += words.size() * 4) {
      for (std::uint32_t& word : words) word = (state = state * 1664525u + 1013904223u);
      if (::write(file, words.data(), words.size() * 4) < 0) std::abort();
    }
    ::close(file);
  }
  ~TestFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

  // Takes the file out of the page cache.
  void evict() const {
    const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ::fsync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }

 private:
  std::string path_;
};

const TestFile& test_file() {
  static const TestFile file;
  return file;
}

// A file of which it is not looked whether it is in the page cache.
class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const ByteSource& file) : file_(file) {}
  std::string_view name() const override { return file_.name(); }
  std::uint64_t size() const override { return file_.size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_.read_at(offset, out);
  }

 private:
  const ByteSource& file_;
};

void read(const ByteSource& source, std::span<const FileRange> ranges, unsigned threads = 0) {
  Progress progress({}, 0);
  read_ranges(source, ranges, {.threads = threads, .progress = progress}).value();
}

void done(benchmark::State& state, std::uint64_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(bytes));
}

// 32 bytes at a time, where the processor can, in the cache.
template <bool kOurs>
void crc(benchmark::State& state) {
  const std::vector<std::byte> bytes(256 << 10, std::byte{7});
  for (auto _ : state) {
    benchmark::DoNotOptimize(kOurs ? crc32(bytes)
                                   : libdeflate_crc32(0, bytes.data(), bytes.size()));
  }
  done(state, bytes.size());
}

// New memory in huge pages, from one region.
template <bool kOurs>
void new_memory(benchmark::State& state) {
  const auto source = FileSource::open(test_file().path()).value();
  const std::vector<std::uint64_t> sizes(16, kBytes / 16);
  for (auto _ : state) {
    state.PauseTiming();
    prime_memory(4 * kBytes);
    state.ResumeTiming();
    Arena arena = Arena::make(kOurs ? std::span<const std::uint64_t>(sizes)
                                    : std::span<const std::uint64_t>())
                      .value();
    std::vector<std::unique_ptr<std::byte[]>> others;
    std::vector<Arena::Piece> pieces;
    std::vector<FileRange> ranges;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      std::byte* memory = nullptr;
      if (kOurs) {
        pieces.push_back(arena.next());
        memory = pieces.back().data;
      } else {
        others.emplace_back(new std::byte[sizes[i]]);
        memory = others.back().get();
      }
      ranges.push_back({i * sizes[i], sizes[i], memory});
    }
    read(*source, ranges);
    state.PauseTiming();
    for (const Arena::Piece& piece : pieces) Arena::release(piece.owner);
    others.clear();
    state.ResumeTiming();
  }
  done(state, kBytes);
}

// One storage on all threads.
template <bool kOurs>
void pieces(benchmark::State& state) {
  const auto source = FileSource::open(test_file().path()).value();
  const std::vector<std::byte> memory(kBytes);
  const FileRange range = {0, kBytes, const_cast<std::byte*>(memory.data())};
  for (auto _ : state) read(*source, {&range, 1}, kOurs ? 0 : 1);
  done(state, kBytes);
}

// Small neighbours with one system call.
template <bool kOurs>
void neighbours(benchmark::State& state) {
  const auto source = FileSource::open(test_file().path()).value();
  std::vector<std::byte> memory(100'000 * 16);
  std::vector<FileRange> ranges;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    ranges.push_back({192 * i, 16, memory.data() + 16 * i});
  }
  for (auto _ : state) {
    if (kOurs) {
      read(*source, ranges, 1);
    } else {
      for (const FileRange& range : ranges) {
        source->read_at(range.offset, {range.destination, range.bytes}).value();
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
}

// What is not in the page cache is read past it, many requests at a time.
template <bool kOurs>
void cold(benchmark::State& state) {
  const auto source = FileSource::open(test_file().path()).value();
  const PlainSource plain(*source);
  const std::vector<std::byte> memory(kBytes);
  const FileRange range = {0, kBytes, const_cast<std::byte*>(memory.data())};
  for (auto _ : state) {
    state.PauseTiming();
    test_file().evict();
    state.ResumeTiming();
    if (kOurs) {
      read(*source, {&range, 1});
    } else {
      read(plain, {&range, 1});
    }
  }
  done(state, kBytes);
}

// A device that takes 8 GB a second: a thread that copies, and waits where that was quicker.
class MemoryDevice final : public DeviceCopies {
 public:
  MemoryDevice() : worker_([this](const std::stop_token& stop) { work(stop); }) {}

  Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) override {
    staging_.resize(slots * bytes);
    return std::span<std::byte>(staging_);
  }
  Result<void> copy(std::size_t slot, std::span<const std::byte> bytes,
                    std::byte* address) override {
    const std::lock_guard lock(mutex_);
    queue_.push_back({slot, bytes, address});
    changed_.notify_all();
    return {};
  }
  Result<void> finish(std::size_t slot) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::none_of(queue_.begin(), queue_.end(),
                          [&](const Copy& copy) { return copy.slot == slot; });
    });
    return {};
  }

 private:
  struct Copy {
    std::size_t slot;
    std::span<const std::byte> from;
    std::byte* to;
  };

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [&] { return !queue_.empty(); })) {
      const Copy copy = queue_.front();
      lock.unlock();
      const auto end = std::chrono::steady_clock::now() +
                       std::chrono::nanoseconds(static_cast<std::int64_t>(copy.from.size() / 8));
      std::copy(copy.from.begin(), copy.from.end(), copy.to);
      std::this_thread::sleep_until(end);
      lock.lock();
      queue_.pop_front();
      changed_.notify_all();
    }
  }

  std::vector<std::byte> staging_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Copy> queue_;  // guarded by mutex_
  std::jthread worker_;
};

// To a device, while the file is read; or after all of it was read into memory.
template <bool kOurs>
void to_device(benchmark::State& state) {
  const auto source = FileSource::open(test_file().path()).value();
  std::vector<std::byte> memory(kBytes);
  MemoryDevice device;
  if (kOurs) {
    const auto ring = StagingRing::make(device, kBytes).value();
    const FileRange range = {
        .offset = 0, .bytes = kBytes, .destination = memory.data(), .ring = ring.get()};
    for (auto _ : state) {
      read(*source, {&range, 1});
      ring->finish().value();
    }
  } else {
    for (auto _ : state) {
      Arena arena = Arena::make(std::vector<std::uint64_t>{kBytes}).value();
      const Arena::Piece piece = arena.next();
      const FileRange range = {.offset = 0, .bytes = kBytes, .destination = piece.data};
      read(*source, {&range, 1});
      device.copy(0, {piece.data, kBytes}, memory.data()).value();
      device.finish(0).value();
      Arena::release(piece.owner);
    }
  }
  done(state, kBytes);
}

void pair(const char* name, void (*with)(benchmark::State&), void (*without)(benchmark::State&)) {
  for (const bool ours : {true, false}) {
    benchmark::RegisterBenchmark((std::string(name) + (ours ? "/with" : "/without")).c_str(),
                                 ours ? with : without)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace hardload::bench

int main(int count, char** arguments) {
  using namespace hardload::bench;
  pair("crc of 32 bytes at a time", crc<true>, crc<false>);
  pair("new memory in huge pages", new_memory<true>, new_memory<false>);
  pair("one storage in pieces", pieces<true>, pieces<false>);
  pair("small neighbours together", neighbours<true>, neighbours<false>);
  pair("to a device through a ring", to_device<true>, to_device<false>);
  pair("a cold file past the page cache, by 8 threads", cold<true>, cold<false>);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
