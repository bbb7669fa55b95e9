// read_stream takes all of a stream, however it arrives, up to the limit.

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "loader/bytes/memory_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

// A pipe, both ends of which are closed with it.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(ends_[1], bytes.data(), bytes.size());
      ASSERT_GT(count, 0);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void close_writer() {
    if (const int writer = std::exchange(ends_[1], -1); writer >= 0) ::close(writer);
  }

 private:
  int ends_[2] = {-1, -1};
};

std::string numbers(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i);
  text.resize(size);
  return text;
}

Result<std::unique_ptr<ByteSource>> stream_of(const std::vector<std::string>& pieces,
                                              const Limits& limits = {}) {
  Pipe pipe;
  std::jthread writer([&] {
    for (const std::string& piece : pieces) pipe.write(piece);
    pipe.close_writer();
  });
  return read_stream(pipe.reader(), "-", limits);
}

TEST(ReadStream, TakesWhatComesInPieces) {
  for (const std::vector<std::size_t>& sizes : {std::vector<std::size_t>{},
                                                {1},
                                                {1, 1, 1},
                                                {65'536},
                                                {65'535, 1, 1},
                                                {131'072},
                                                {7, 65'536, 100'000, 1, 4096, 300'000}}) {
    std::vector<std::string> pieces;
    std::string expected;
    for (const std::size_t size : sizes) expected += pieces.emplace_back(numbers(size));
    const auto source = stream_of(pieces);
    ASSERT_OK(source);
    EXPECT_EQ((*source)->name(), "-");
    EXPECT_EQ((*source)->size(), expected.size());
    EXPECT_EQ((*source)->allocated_bytes(), expected.size());
    EXPECT_EQ(testing::text_of((*source)->view()), expected);
  }
}

TEST(ReadStream, TakesAsManyBytesAsTheLimitSays) {
  for (const std::size_t most : {0u, 1000u, 65'536u, 100'000u}) {
    const Limits limits = {.max_stream_bytes = most};
    const auto source = stream_of({numbers(most)}, limits);
    ASSERT_OK(source);
    EXPECT_EQ((*source)->size(), most);
    const auto refused = stream_of({numbers(most + 1)}, limits);
    ASSERT_TRUE(
        testing::is_error(refused, ErrorKind::kLimit,
                          "the stream is longer than max_stream_bytes, " + std::to_string(most)));
    EXPECT_EQ(refused.error().source(), "-");
  }
}

TEST(ReadStream, GivesUpOnAnEndlessStream) {
  const int descriptor = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  EXPECT_ERROR(read_stream(descriptor, "zeros", {.max_stream_bytes = 1'000'000}), ErrorKind::kLimit,
               "max_stream_bytes");
  ::close(descriptor);
}

// V08: what was read before is not ours. The descriptor stays the caller's.
TEST(ReadStream, BeginsWhereTheStreamIs) {
  const std::string path = testing::write_temporary("positioned", "0123456789");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(::lseek(descriptor, 4, SEEK_SET), 4);
  const auto source = read_stream(descriptor, path, {});
  ASSERT_OK(source);
  EXPECT_EQ(testing::text_of((*source)->view()), "456789");
  EXPECT_EQ(::close(descriptor), 0);
}

TEST(ReadStream, SaysWhatTheSystemSaid) {
  EXPECT_ERROR(read_stream(-1, "-", {}), ErrorKind::kIo,
               "-: Io error: cannot be read: Bad file descriptor");
}

// V06: what has arrived is not taken for all there is.
TEST(ReadStream, FailsWhereAPipeIsEmptyForNow) {
  Pipe pipe;
  pipe.write("begin");
  ASSERT_EQ(::fcntl(pipe.reader(), F_SETFL, O_NONBLOCK), 0);
  EXPECT_ERROR(read_stream(pipe.reader(), "-", {}), ErrorKind::kIo,
               "cannot be read: Resource temporarily unavailable");
}

}  // namespace
}  // namespace hardload
