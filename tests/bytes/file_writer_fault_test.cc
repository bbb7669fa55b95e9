// FileWriter where the system writes less than it is asked for, is interrupted, or fails: the old
// file stays, nothing else is left, and the error says what helps.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "loader/bytes/file_writer.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

// The linker has these called by these names (--wrap).
extern "C" ssize_t __real_write(int, const void*, std::size_t);
extern "C" int __real_fsync(int);
extern "C" int __real_fchmod(int, mode_t);
extern "C" ssize_t __real_getrandom(void*, std::size_t, unsigned);

namespace {

// What each call of write does, in turn: writes at most so many bytes, or fails with -errno; the
// last, for all that follow. Nothing: as the system does.
std::vector<int> writes;
std::size_t write_calls = 0;
// With what each call of fsync fails, in turn; 0: does not.
std::vector<int> syncs;
std::size_t sync_calls = 0;
int chmod_fault = 0;
ssize_t most_random = 1000;  // bytes that the system gives; negative: -errno

int step_of(const std::vector<int>& steps, std::size_t& calls) {
  return steps.at(std::min(calls++, steps.size() - 1));
}

int failed(int fault) {
  errno = fault;
  return -1;
}

}  // namespace

extern "C" ssize_t __wrap_write(int descriptor, const void* bytes, std::size_t size) {
  if (writes.empty()) return __real_write(descriptor, bytes, size);
  const int step = step_of(writes, write_calls);
  if (step < 0) return failed(-step);
  return step == 0
             ? 0
             : __real_write(descriptor, bytes, std::min(size, static_cast<std::size_t>(step)));
}

extern "C" int __wrap_fsync(int descriptor) {
  const int fault = syncs.empty() ? 0 : step_of(syncs, sync_calls);
  return fault == 0 ? __real_fsync(descriptor) : failed(fault);
}

extern "C" int __wrap_fchmod(int descriptor, mode_t mode) {
  return chmod_fault == 0 ? __real_fchmod(descriptor, mode) : failed(chmod_fault);
}

extern "C" ssize_t __wrap_getrandom(void* out, std::size_t size, unsigned flags) {
  if (most_random < 0) return failed(static_cast<int>(-most_random));
  return __real_getrandom(out, std::min(size, static_cast<std::size_t>(most_random)), flags);
}

namespace hardload {
namespace {

namespace fs = std::filesystem;
using testing::read_file;

constexpr std::string_view kNew = "0123456789";
// Where nothing better is known.
const std::string kUsual(Error(ErrorKind::kIo, Stage::kBytes, "").advice());

// A folder with a file "a", and a system that works until a test says otherwise.
class FileWriterFault : public ::testing::Test {
 protected:
  FileWriterFault() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::write_temporary(test->name(), ""));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    EXPECT_OK(put("old"));
  }
  ~FileWriterFault() override { reset(); }

  static void reset() {
    writes.clear();
    syncs.clear();
    write_calls = sync_calls = 0;
    chmod_fault = 0;
    most_random = 1000;
  }

  Result<void> put(std::string_view content) const {
    HARDLOAD_ASSIGN(FileWriter file, FileWriter::open(path()));
    HARDLOAD_TRY(file.write(testing::as_bytes(content)));
    return file.commit();
  }

  // That putting fails so, with this advice, and changes nothing.
  void expect_failure(std::string_view problem, std::string_view advice) const {
    const auto done = put(kNew);
    reset();
    ASSERT_TRUE(testing::is_error(done, ErrorKind::kIo, problem));
    EXPECT_EQ(done.error().advice(), advice) << problem;
    EXPECT_EQ(done.error().source(), path());
    expect_lone("old");
  }
  void expect_lone(std::string_view content) const {
    EXPECT_EQ(read_file(path()), content);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  }

  std::string path() const { return (folder_ / "a").string(); }

 private:
  fs::path folder_;
};

TEST_F(FileWriterFault, ShortWritesAreContinued) {
  for (const std::vector<int>& steps :
       {std::vector<int>{1}, {3, 1, 100}, {9, 1}, {-EINTR, 4, -EINTR, -EINTR, 100}}) {
    writes = steps;
    write_calls = 0;
    EXPECT_OK(put(kNew));
    expect_lone(kNew);
  }
}

TEST_F(FileWriterFault, OfWritingSaysWhatHelps) {
  const std::string_view space = "Free space, or write to another disk.";
  const std::string_view folder = "Write to a folder that you may write to.";
  const std::pair<int, std::string_view> faults[] = {
      {ENOSPC, space},
      {EDQUOT, space},
      {EFBIG, "Raise the limit of file sizes, or write to another disk."},
      {EACCES, folder},
      {EPERM, folder},
      {EROFS, folder},
      {EIO, kUsual},
  };
  for (const auto& [fault, advice] : faults) {
    writes = {4, -fault};
    expect_failure("cannot be written", advice);
  }
  // A write of nothing would go on forever.
  writes = {4, 0};
  expect_failure("cannot be written", kUsual);
}

TEST_F(FileWriterFault, OfTheLastStepsLeavesTheOldFile) {
  chmod_fault = EPERM;
  expect_failure("cannot be given its permissions", "Write to a folder that you may write to.");
  syncs = {EDQUOT};
  expect_failure("cannot be brought to the disk", "Free space, or write to another disk.");
}

// The file is in its place then.
TEST_F(FileWriterFault, OfTheFolderIsToldUnlessItCannotBeSynced) {
  syncs = {0, EIO};
  EXPECT_ERROR(put(kNew), ErrorKind::kIo, "is in its place, but its folder cannot be brought");
  expect_lone(kNew);
  syncs = {0, EINVAL};
  sync_calls = 0;
  EXPECT_OK(put("newer"));
  expect_lone("newer");
}

// A name that others could guess is none.
TEST_F(FileWriterFault, WithoutRandomNumbersNothingIsWritten) {
  for (const ssize_t given : {ssize_t{-ENOSYS}, ssize_t{0}, ssize_t{15}}) {
    most_random = given;
    expect_failure("no random numbers can be had", kUsual);
  }
}

}  // namespace
}  // namespace hardload
