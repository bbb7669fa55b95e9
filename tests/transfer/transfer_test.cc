// transfer moves exactly the bytes of each storage to where the sink says, inflated and in the
// machine's byte order.

#include "loader/transfer/transfer.h"

#include <atomic>
#include <bit>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"
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
using testing::ScriptedSource;

const Limits kLimits;

// Moves all storages of the checkpoint `bytes` and returns their content.
Result<std::vector<std::string>> moved(const std::string& bytes, unsigned threads = 1) {
  const ScriptedSource source(bytes);
  HARDLOAD_ASSIGN(const Manifest manifest, describe(testing::source_of(bytes), {}));
  const auto numbers = first_numbers(manifest.storages().size());
  MemorySink sink(&source);
  HARDLOAD_ASSIGN(const auto report, transfer(source, manifest, numbers, sink,
                                              {.limits = kLimits, .threads = threads}));
  EXPECT_EQ(sink.storages(), numbers);
  std::vector<std::string> contents;
  std::uint64_t sum = 0;
  for (const std::size_t i : numbers) {
    contents.push_back(sink.content(i));
    sum += contents.back().size();
  }
  EXPECT_EQ(report.bytes, sum);
  EXPECT_EQ(report.verified_bytes, sum);
  return contents;
}

std::vector<std::string> contents_of(const std::vector<SavedStorage>& storages) {
  std::vector<std::string> contents;
  for (const SavedStorage& storage : storages) contents.push_back(storage.content);
  return contents;
}

// Sizes around those of the pieces in which bytes are moved.
std::vector<SavedStorage> storages_of_many_sizes(bool deflate) {
  std::vector<SavedStorage> storages;
  for (const std::size_t size :
       {1u, 2u, 63u, 4096u, 262'143u, 262'144u, 262'145u, 524'288u, 700'001u, 1'048'577u}) {
    storages.push_back({pattern(size, static_cast<unsigned>(size)), "ByteStorage"});
    storages.back().tweaks.deflate = deflate;
  }
  return storages;
}

TEST(Transfer, MovesStoredRecords) {
  const auto storages = storages_of_many_sizes(false);
  EXPECT_EQ(moved(checkpoint_of(storages).build()).value(), contents_of(storages));
}

TEST(Transfer, MovesDeflatedRecords) {
  const auto storages = storages_of_many_sizes(true);
  EXPECT_EQ(moved(checkpoint_of(storages).build()).value(), contents_of(storages));
}

// T18
TEST(Transfer, MovesRecordsAtAnyOffset) {
  std::vector<SavedStorage> storages;
  for (unsigned i = 0; i < 8; ++i) {
    storages.push_back({pattern(24, i), "DoubleStorage"});
    // An extra field that takes another number of bytes each time.
    storages.back().tweaks.local = [i](testing::LocalFields& f) {
      f.extra = std::string{'a', 'b', static_cast<char>(i), '\0'} + std::string(i, 'x');
    };
  }
  EXPECT_EQ(moved(checkpoint_of(storages).build()).value(), contents_of(storages));
}

TEST(Transfer, MovesManyStoragesOnAnyNumberOfThreads) {
  std::vector<SavedStorage> storages;
  for (unsigned i = 0; i < 300; ++i) {
    storages.push_back({pattern(i * i * 7 % 9000, i), "ByteStorage"});
    storages.back().tweaks.deflate = i % 3 == 0;
  }
  storages.push_back({pattern(2'000'000, 301)});
  const std::string bytes = checkpoint_of(storages).build();
  for (const unsigned threads : {0u, 1u, 2u, 8u, 1000u}) {
    EXPECT_EQ(moved(bytes, threads).value(), contents_of(storages)) << threads;
  }
}

// V10: of one source, which is described and read by all at once.
TEST(Transfer, ManyAtOnceReadOneFile) {
  const std::vector<SavedStorage> storages = {
      {pattern(300'000, 1)},
      {pattern(1'000'000, 2), "ByteStorage"},
      {pattern(50'000, 3), "ByteStorage", {.deflate = true}}};
  const auto source =
      FileSource::open(testing::write_temporary("shared.pt", checkpoint_of(storages).build()))
          .value();
  std::vector<std::vector<std::string>> contents(8);
  {
    std::vector<std::jthread> loads;
    for (auto& content : contents) {
      loads.emplace_back([&] {
        const Manifest manifest = describe(*source, {}).value();
        MemorySink sink;
        const auto numbers = first_numbers(storages.size());
        EXPECT_OK(transfer(*source, manifest, numbers, sink, {.limits = kLimits, .threads = 2}));
        for (const std::size_t i : numbers) content.push_back(sink.content(i));
      });
    }
  }
  for (const auto& content : contents) EXPECT_EQ(content, contents_of(storages));
}

// V10: wherever it has come to, and whoever of the threads is told.
TEST(Transfer, StopsWhenItIsTold) {
  std::vector<SavedStorage> storages;
  for (unsigned i = 0; i < 10; ++i) storages.push_back({pattern(1'000'000, i)});
  const std::string bytes = checkpoint_of(storages).build();
  const Manifest manifest = describe(testing::source_of(bytes), {}).value();
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (int last = 0;; ++last) {
      const ScriptedSource source(bytes);
      MemorySink sink(&source);
      std::atomic<int> calls = 0;
      const auto progress = [&](std::uint64_t, std::uint64_t) { return calls++ < last; };
      const auto done = transfer(source, manifest, first_numbers(storages.size()), sink,
                                 {.limits = kLimits, .threads = threads, .progress = progress});
      if (done.ok()) {
        EXPECT_GE(last, 3);
        break;
      }
      EXPECT_ERROR(done, ErrorKind::kCancelled, "stopped");
      EXPECT_EQ(calls, last + 1);
    }
  }
}

// C11, T14: with a record of no bytes, and without a record.
TEST(Transfer, MovesEmptyStorages) {
  const std::vector<SavedStorage> storages = {{"", "FloatStorage"}, {"abcd"}, {"", "LongStorage"}};
  EXPECT_EQ(moved(checkpoint_of(storages).build()).value(), contents_of(storages));
  EXPECT_EQ(moved(checkpoint_of(storages).without("data/2").build()).value(),
            contents_of(storages));
  EXPECT_EQ(moved(checkpoint_of({}).build()).value(), std::vector<std::string>{});
}

TEST(Transfer, MovesWhatIsAskedForInThatOrder) {
  const std::vector<SavedStorage> storages = {{"aaaa"}, {"bbb"}, {"cc"}, {"d"}};
  const std::string bytes = checkpoint_of(storages).build();
  const auto manifest = describe(testing::source_of(bytes), {});
  ASSERT_OK(manifest);
  const ScriptedSource source(bytes);
  const std::vector<std::size_t> numbers = {3, 1};
  MemorySink sink(&source);
  const auto report = transfer(source, *manifest, numbers, sink, {.limits = kLimits});
  ASSERT_OK(report);
  EXPECT_EQ(sink.storages(), numbers);
  EXPECT_EQ(sink.content(0), "d");
  EXPECT_EQ(sink.content(1), "bbb");
  EXPECT_EQ(report->bytes, 4u);
  EXPECT_EQ(report->verified_bytes, 4u);
  EXPECT_EQ(source.reads, 1);  // they lie so close to each other
}

TEST(Transfer, ReadsNothingForEmptyStorages) {
  const std::string bytes = checkpoint_of({{""}, {"", "FloatStorage"}}).build();
  const auto manifest = describe(testing::source_of(bytes), {});
  ASSERT_OK(manifest);
  const ScriptedSource source(bytes);
  MemorySink sink;
  ASSERT_OK(transfer(source, *manifest, first_numbers(2), sink, {.limits = kLimits}));
  EXPECT_EQ(source.reads, 0);
}

// E01: in units of the storage's type; complex numbers by halves, bytes not at all.
TEST(Transfer, BringsOtherByteOrdersToTheMachines) {
  constexpr bool kIsLittle = std::endian::native == std::endian::little;
  const std::string content = "0123456789abcdef";
  struct Case {
    std::string storage_class, swapped;
  };
  const std::vector<Case> cases = {{"DoubleStorage", "76543210fedcba98"},
                                   {"LongStorage", "76543210fedcba98"},
                                   {"FloatStorage", "32107654ba98fedc"},
                                   {"IntStorage", "32107654ba98fedc"},
                                   {"HalfStorage", "1032547698badcfe"},
                                   {"BFloat16Storage", "1032547698badcfe"},
                                   {"ShortStorage", "1032547698badcfe"},
                                   {"ComplexDoubleStorage", "76543210fedcba98"},
                                   {"ComplexFloatStorage", "32107654ba98fedc"},
                                   {"CharStorage", content},
                                   {"BoolStorage", content},
                                   {"UntypedStorage", content}};
  for (const bool deflate : {false, true}) {
    std::vector<SavedStorage> storages;
    std::vector<std::string> same, swapped;
    for (const Case& c : cases) {
      storages.push_back({content, c.storage_class, {.deflate = deflate}});
      same.push_back(content);
      swapped.push_back(c.swapped);
    }
    auto checkpoint = checkpoint_of(storages);
    EXPECT_EQ(moved(checkpoint.build()).value(), kIsLittle ? same : swapped);
    EXPECT_EQ(moved(checkpoint.record("byteorder", "big").build()).value(),
              kIsLittle ? swapped : same);
  }
}

TEST(Transfer, SwapsLargeStoragesWhole) {
  std::string content = pattern(600'000, 5), swapped = content;
  for (std::size_t i = 0; i < content.size(); i += 2) std::swap(swapped[i], swapped[i + 1]);
  const std::string bytes =
      checkpoint_of({{content, "HalfStorage"}}).record("byteorder", "big").build();
  const bool is_little = std::endian::native == std::endian::little;
  EXPECT_TRUE(moved(bytes).value().front() == (is_little ? swapped : content));
}

}  // namespace
}  // namespace hardload
