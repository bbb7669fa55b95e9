// Many threads on one file, and a stop at any time: what ThreadSanitizer is to look at.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"
#include "loader/transfer/transfer.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

using testing::checkpoint_of;
using testing::first_numbers;
using testing::MemorySink;
using testing::pattern;
using testing::SavedStorage;

const Limits kLimits;

// Small, large and deflated storages.
std::vector<SavedStorage> storages() {
  std::vector<SavedStorage> all;
  for (unsigned i = 0; i < 50; ++i) all.push_back({pattern(10 + i, i)});
  all.push_back({pattern(9 << 20, 100)});
  all.push_back({pattern(200'000, 101), "ByteStorage", {.deflate = true}});
  all.push_back({pattern(300'000, 102)});
  return all;
}

// Takes the file out of the page cache, where its file system has one.
void evict(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

// V10
TEST(TransferThreads, EightLoadOneFile) {
  const std::vector<SavedStorage> saved = storages();
  const std::string path = testing::write_temporary("shared.pt", checkpoint_of(saved).build());
  const auto source = FileSource::open(path).value();
  const Manifest manifest = describe(*source, {}).value();
  evict(path);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      MemorySink sink;
      const auto numbers = first_numbers(saved.size());
      EXPECT_OK(transfer(*source, manifest, numbers, sink, {.limits = kLimits, .threads = 3}));
      for (const std::size_t number : numbers) {
        EXPECT_TRUE(sink.content(number) == saved[number].content) << number;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// V10
TEST(TransferThreads, CanBeStoppedAtAnyTime) {
  const std::vector<SavedStorage> saved = storages();
  const std::string path = testing::write_temporary("stopped.pt", checkpoint_of(saved).build());
  const auto source = FileSource::open(path).value();
  const Manifest manifest = describe(*source, {}).value();
  for (int stop = 1;; ++stop) {
    if (stop % 2 == 0) evict(path);
    std::atomic<int> calls = 0;
    MemorySink sink;
    const auto done =
        transfer(*source, manifest, first_numbers(saved.size()), sink,
                 {.limits = kLimits, .threads = 4, .progress = [&](std::uint64_t, std::uint64_t) {
                    return ++calls < stop;
                  }});
    if (done.ok()) break;
    EXPECT_ERROR(done, ErrorKind::kCancelled, "stopped by the caller");
    ASSERT_LT(stop, 100);
  }
}

}  // namespace
}  // namespace hardload
