// FileWriter replaces a file all at once or leaves it alone, and leaves nothing else behind.

#include "loader/bytes/file_writer.h"

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

namespace fs = std::filesystem;
using testing::as_bytes;
using testing::read_file;
using testing::write_temporary;

// An empty folder of this name in the test's own folder.
fs::path empty_folder(const std::string& name) {
  const fs::path folder = fs::path(write_temporary("beside", "")).parent_path() / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

mode_t mode_of(const fs::path& path) {
  struct stat status;
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

Result<void> put(const std::string& path, std::string_view content,
                 const FileWriterOptions& options = {}) {
  HARDLOAD_ASSIGN(FileWriter file, FileWriter::open(path, options));
  HARDLOAD_TRY(file.write(as_bytes(content)));
  return file.commit();
}

// Runs `work` in a process of its own, which may change its limits and its user.
bool in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = 1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(FileWriter, WritesANewFile) {
  const fs::path folder = empty_folder("new");
  EXPECT_OK(put(folder / "a", "some bytes"));
  EXPECT_EQ(read_file(folder / "a"), "some bytes");
  EXPECT_OK(put(folder / "unsynced", "more", {.sync = false}));
  EXPECT_EQ(read_file(folder / "unsynced"), "more");
  EXPECT_OK(put(folder / std::string(255, 'n'), "long name"));
  EXPECT_EQ(files_in(folder), 3u);
}

TEST(FileWriter, WritesInTheCurrentFolder) {
  const fs::path folder = empty_folder("current");
  EXPECT_TRUE(in_child([&] {
    return ::chdir(folder.c_str()) == 0 && put("here", "x").ok() && read_file("here") == "x";
  }));
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(FileWriter, GathersAndSplitsWritesOfEverySize) {
  const fs::path folder = empty_folder("sizes");
  std::string expected;
  auto file = FileWriter::open(folder / "a");
  ASSERT_OK(file);
  for (const std::size_t size : {0u, 1u, 1000u, 262143u, 262144u, 3u, 1000000u, 262144u, 7u}) {
    std::string part(size, '\0');
    for (std::size_t i = 0; i < size; ++i) part[i] = static_cast<char>(expected.size() % 251 + i);
    ASSERT_OK(file->write(as_bytes(part)));
    expected += part;
  }
  ASSERT_OK(file->commit());
  EXPECT_TRUE(read_file(folder / "a") == expected);
}

TEST(FileWriter, NothingChangesBeforeCommit) {
  const fs::path folder = empty_folder("before");
  ASSERT_OK(put(folder / "a", "old"));
  {
    auto file = FileWriter::open(folder / "a");
    ASSERT_OK(file);
    ASSERT_OK(file->write(as_bytes(std::string(1 << 20, 'n'))));
    EXPECT_EQ(read_file(folder / "a"), "old");
    EXPECT_EQ(files_in(folder), 2u);
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename() != "a") {
        EXPECT_EQ(mode_of(entry.path()), 0600u);
      }
    }
    FileWriter moved = std::move(*file);
    EXPECT_EQ(files_in(folder), 2u);
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(FileWriter, WhoHasTheOldFileOpenKeepsIt) {
  const fs::path folder = empty_folder("open");
  ASSERT_OK(put(folder / "a", "old"));
  std::ifstream old(folder / "a");
  ASSERT_OK(put(folder / "a", "new"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(old), {}), "old");
  EXPECT_EQ(read_file(folder / "a"), "new");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(FileWriter, PermissionsAreThoseOfTheOldFileOrOfANewOne) {
  const fs::path folder = empty_folder("modes");
  for (const mode_t mode : {0600u, 0644u, 0640u, 0400u, 0777u}) {
    ASSERT_OK(put(folder / "a", "old"));
    ASSERT_EQ(::chmod((folder / "a").c_str(), mode), 0);
    ASSERT_OK(put(folder / "a", "new"));
    EXPECT_EQ(mode_of(folder / "a"), mode);
  }
  // What a set-user-id bit was trusted with is gone.
  ASSERT_EQ(::chmod((folder / "a").c_str(), 04755), 0);
  ASSERT_OK(put(folder / "a", "new"));
  EXPECT_EQ(mode_of(folder / "a"), 0755u);
  for (const mode_t mask : {0022u, 0077u, 0000u, 0027u}) {
    EXPECT_TRUE(in_child([&] {
      ::umask(mask);
      fs::remove(folder / "fresh");
      return put(folder / "fresh", "x").ok() && mode_of(folder / "fresh") == (0666 & ~mask);
    })) << mask;
  }
}

TEST(FileWriter, LinksAreReplacedOnlyOnRequest) {
  const fs::path folder = empty_folder("links");
  ASSERT_OK(put(folder / "real", "real"));
  fs::create_symlink("real", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  for (const char* name : {"link", "dangling"}) {
    EXPECT_ERROR(put(folder / name, "new"), ErrorKind::kIo, "a symbolic link");
    EXPECT_TRUE(fs::is_symlink(folder / name));
    EXPECT_OK(put(folder / name, "new", {.replace_link = true}));
    EXPECT_FALSE(fs::is_symlink(folder / name));
    EXPECT_EQ(read_file(folder / name), "new");
  }
  EXPECT_EQ(read_file(folder / "real"), "real");
  EXPECT_EQ(files_in(folder), 3u);
  // A link on the way to the folder is fine.
  fs::create_directory_symlink(folder, empty_folder("elsewhere") / "way");
  EXPECT_OK(put(folder.parent_path() / "elsewhere/way/real", "through"));
  EXPECT_EQ(read_file(folder / "real"), "through");
}

TEST(FileWriter, OnlyFilesAreReplaced) {
  const fs::path folder = empty_folder("kinds");
  fs::create_directory(folder / "folder");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(put(folder / "folder", "x"), ErrorKind::kNotRegular, "this is a folder");
  EXPECT_ERROR(put(folder / "pipe", "x"), ErrorKind::kNotRegular, "this is a pipe");
  EXPECT_ERROR(put("/dev/null", "x"), ErrorKind::kNotRegular, "this is a device");
  EXPECT_ERROR(put("/dev/full", "x"), ErrorKind::kNotRegular, "this is a device");
  EXPECT_ERROR(put(folder / "..", "x"), ErrorKind::kNotRegular, "this is a folder");
  EXPECT_ERROR(put((folder / "folder").string() + "/", "x"), ErrorKind::kIo, "names no file");
  EXPECT_ERROR(put("", "x"), ErrorKind::kIo, "names no file");
  EXPECT_EQ(files_in(folder), 2u);
}

TEST(FileWriter, FoldersThatCannotBeWrittenTo) {
  const fs::path folder = empty_folder("absent");
  EXPECT_ERROR(put(folder / "no/a", "x"), ErrorKind::kIo, "No such file or directory");
  ASSERT_OK(put(folder / "file", "x"));
  EXPECT_ERROR(put(folder / "file/a", "x"), ErrorKind::kIo, "Not a directory");
  EXPECT_ERROR(put("/proc/self/a", "x"), ErrorKind::kIo, "no file can be made in its folder");
  EXPECT_ERROR(put(folder / std::string(256, 'n'), "x"), ErrorKind::kIo, "File name too long");
  EXPECT_ERROR(put(std::string("a\0b", 3), "x"), ErrorKind::kIo, "NUL");
  EXPECT_EQ(files_in(folder), 1u);
}

// Gives up the superuser's right to write everywhere.
bool give_up_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

TEST(FileWriter, AFolderThatIsReadOnly) {
  const fs::path folder = empty_folder("read_only");
  ASSERT_OK(put(folder / "a", "old"));
  ASSERT_EQ(::chmod(folder.c_str(), 0555), 0);
  EXPECT_TRUE(in_child([&] {
    if (!give_up_capabilities()) return false;
    const auto result = put(folder / "a", "new");
    return !result.ok() && result.error().kind() == ErrorKind::kIo &&
           result.error().problem().find("Permission denied") != std::string::npos;
  }));
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

// The system refuses to write on in the middle: at each place, for each way of writing.
TEST(FileWriter, WhenTheDiskIsFullTheOldFileStays) {
  const fs::path folder = empty_folder("full");
  ASSERT_OK(put(folder / "a", "old"));
  for (const rlim_t limit : {0u, 1000u, 300'000u, 999'999u}) {
    EXPECT_TRUE(in_child([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit at_most{limit, limit};
      if (::setrlimit(RLIMIT_FSIZE, &at_most) != 0) return false;
      auto file = FileWriter::open(folder / "a");
      if (!file.ok()) return false;
      const std::string part(250'000, 'n');
      Result<void> result;
      for (int i = 0; i < 4 && result.ok(); ++i) result = file->write(as_bytes(part));
      if (result.ok()) result = file->commit();
      // Whoever goes on after the error gets errors, and the old file still stays.
      return !result.ok() && result.error().kind() == ErrorKind::kIo &&
             result.error().source() == folder / "a" && !file->write(as_bytes("x")).ok() &&
             !file->commit().ok() && files_in(folder) == 1;
    })) << limit;
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(FileWriter, WhatCannotBePutInItsPlaceIsRemoved) {
  const fs::path folder = empty_folder("place");
  auto file = FileWriter::open(folder / "a");
  ASSERT_OK(file);
  ASSERT_OK(file->write(as_bytes("x")));
  fs::create_directory(folder / "a");  // meanwhile
  EXPECT_ERROR(file->commit(), ErrorKind::kIo, "cannot be put in its place");
  EXPECT_EQ(files_in(folder), 1u);
  EXPECT_ERROR(file->commit(), ErrorKind::kIo);
}

TEST(FileWriter, CommitsOnce) {
  const fs::path folder = empty_folder("once");
  auto file = FileWriter::open(folder / "a");
  ASSERT_OK(file);
  ASSERT_OK(file->commit());
  EXPECT_ERROR(file->commit(), ErrorKind::kIo);
  EXPECT_ERROR(file->write(as_bytes("x")), ErrorKind::kIo);
  EXPECT_EQ(read_file(folder / "a"), "");
}

}  // namespace
}  // namespace hardload
