// FileSource reads a regular file at positions, and takes nothing else.

#include "loader/bytes/file_source.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loader/bytes/file_type.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::write_temporary;

// A path in the test's own folder where nothing is.
std::string free_path(std::string_view name) {
  const std::filesystem::path beside = write_temporary("beside", "");
  const std::filesystem::path path = beside.parent_path() / name;
  std::filesystem::remove_all(path);
  return path;
}

Result<std::string> read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string out(count, '?');
  HARDLOAD_TRY(source.read_at(offset, std::as_writable_bytes(std::span(out))));
  return out;
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

TEST(FileSource, ReadsAtPositions) {
  const std::string path = write_temporary("digits", "0123456789");
  const auto source = FileSource::open(path);
  ASSERT_OK(source);
  EXPECT_EQ((*source)->name(), path);
  EXPECT_EQ((*source)->size(), 10u);
  EXPECT_EQ(read(**source, 0, 10).value(), "0123456789");
  EXPECT_EQ(read(**source, 9, 1).value(), "9");
  EXPECT_EQ(read(**source, 3, 4).value(), "3456");
  EXPECT_EQ(read(**source, 10, 0).value(), "");
  EXPECT_TRUE((*source)->view().empty());
  EXPECT_OK((*source)->check_unchanged());
}

TEST(FileSource, ReadsNothingPastTheEnd) {
  const auto source = FileSource::open(write_temporary("digits", "0123456789"));
  ASSERT_OK(source);
  EXPECT_ERROR(read(**source, 0, 11), ErrorKind::kBounds, "11 bytes are needed here");
  EXPECT_ERROR(read(**source, 10, 1), ErrorKind::kBounds, "the file ends at byte 10");
  EXPECT_ERROR(read(**source, 11, 0), ErrorKind::kBounds, "the file ends at byte 10");
  for (const std::uint64_t offset : {std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    const auto result = read(**source, offset, 1);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind(), ErrorKind::kBounds);
    EXPECT_EQ(result.error().offset(), offset);
  }
}

TEST(FileSource, OpensAnEmptyFile) {
  const auto source = FileSource::open(write_temporary("empty", ""));
  ASSERT_OK(source);
  EXPECT_EQ((*source)->size(), 0u);
  EXPECT_EQ((*source)->allocated_bytes(), 0u);
  EXPECT_OK(read(**source, 0, 0));
  EXPECT_ERROR(read(**source, 0, 1), ErrorKind::kBounds, "the file ends at byte 0");
}

TEST(FileSource, CanBeReadFromSeveralThreads) {
  std::string bytes;
  for (int i = 0; i < 50'000; ++i) bytes += std::to_string(i);
  const auto source = FileSource::open(write_temporary("shared", bytes));
  ASSERT_OK(source);
  std::vector<std::string> parts(8);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      threads.emplace_back([&, i] { parts[i] = read(**source, 1000 * i, 200'000).value(); });
    }
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i], bytes.substr(1000 * i, 200'000)) << i;
  }
}

// V01
TEST(FileSource, SaysWhyAPathCannotBeOpened) {
  const std::string file = write_temporary("file", "x");
  const std::string dangling = free_path("dangling");
  std::filesystem::create_symlink(free_path("nothing"), dangling);
  const std::string loop = free_path("loop");
  std::filesystem::create_symlink(loop, loop);
  struct Case {
    std::string path, part;
  };
  for (const Case& c :
       {Case{free_path("missing"), "cannot be opened: No such file or directory"},
        Case{"", "No such file or directory"}, Case{file + "/below", "Not a directory"},
        Case{dangling, "No such file or directory"},
        Case{loop, "Too many levels of symbolic links"},
        Case{free_path("long") + std::string(5000, 'x'), "File name too long"}}) {
    const auto source = FileSource::open(c.path);
    EXPECT_ERROR(source, ErrorKind::kIo, c.part);
    if (!source.ok()) {
      EXPECT_EQ(source.error().source(), c.path);
    }
  }
  EXPECT_OK(FileSource::open(file));
}

// V01: the system would end the path at the NUL and open the other file.
TEST(FileSource, RefusesAPathWithANul) {
  const std::string file = write_temporary("before_nul", "x");
  ASSERT_OK(FileSource::open(file));
  const auto source = FileSource::open(file + std::string("\0.pth", 5));
  ASSERT_TRUE(testing::is_error(source, ErrorKind::kIo, "the path holds a NUL byte"));
  EXPECT_NE(source.error().display().find("before_nul\\x00.pth"), std::string::npos);
}

// V01
TEST(FileSource, SaysThatPermissionIsMissing) {
  if (::geteuid() == 0) GTEST_SKIP() << "everything may be read here";
  const std::string path = write_temporary("secret", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_ERROR(FileSource::open(path), ErrorKind::kIo, "Permission denied");
}

TEST(FileSource, FollowsALinkToAFile) {
  const std::string link = free_path("link");
  std::filesystem::create_symlink(write_temporary("target", "content"), link);
  const auto source = FileSource::open(link);
  ASSERT_OK(source);
  EXPECT_EQ((*source)->name(), link);
  EXPECT_EQ(read(**source, 0, 7).value(), "content");
}

// V02: a pipe without a writer must not make us wait for one.
TEST(FileSource, TakesNothingButRegularFiles) {
  const std::string folder = free_path("folder");
  std::filesystem::create_directory(folder);
  const std::string pipe = free_path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  struct Case {
    std::string path, part;
  };
  for (const Case& c :
       {Case{folder, "this is a folder, not a file"}, Case{pipe, "this is a pipe, not a file"},
        Case{"/dev/null", "this is a device, not a file"}}) {
    const auto source = FileSource::open(c.path);
    EXPECT_ERROR(source, ErrorKind::kNotRegular, c.part);
    if (!source.ok()) {
      EXPECT_EQ(source.error().source(), c.path);
    }
  }
}

TEST(FileSourceAdopt, OwnsTheDescriptor) {
  const std::string path = write_temporary("adopted", "0123456789");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  ::lseek(descriptor, 5, SEEK_SET);
  {
    const auto source = FileSource::adopt(descriptor, "a name");
    ASSERT_OK(source);
    EXPECT_EQ((*source)->name(), "a name");
    EXPECT_EQ(read(**source, 0, 10).value(), "0123456789");
    EXPECT_TRUE(is_open(descriptor));
  }
  EXPECT_FALSE(is_open(descriptor));
}

TEST(FileSourceAdopt, ClosesWhatItRefuses) {
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const auto source = FileSource::adopt(sockets[0], "a name");
  EXPECT_ERROR(source, ErrorKind::kNotRegular, "a name: NotRegular error: this is a socket");
  EXPECT_FALSE(is_open(sockets[0]));
  ::close(sockets[1]);
}

TEST(FileSourceAdopt, RefusesWhatIsNoDescriptor) {
  EXPECT_ERROR(FileSource::adopt(-1, "x"), ErrorKind::kIo,
               "cannot be examined: Bad file descriptor");
}

TEST(FileSourceAdopt, SaysThatADescriptorCannotBeRead) {
  const std::string path = write_temporary("write_only", "0123456789");
  const auto source = FileSource::adopt(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path);
  ASSERT_OK(source);
  const auto result = read(**source, 3, 4);
  ASSERT_TRUE(testing::is_error(result, ErrorKind::kIo, "cannot be read: Bad file descriptor"));
  EXPECT_EQ(result.error().offset(), 3u);
}

// V02. A socket's path is short, so it is relative.
TEST(FileSource, TakesNoSocket) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::write_temporary("beside", "")).parent_path();
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  std::filesystem::remove("socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "socket");
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_ERROR(FileSource::open("socket"), ErrorKind::kNotRegular, "this is a socket");
  ::close(descriptor);
  std::filesystem::current_path(before);
}

TEST(DescribeType, NamesEveryKindOfFile) {
  const std::pair<mode_t, std::string_view> kinds[] = {
      {S_IFDIR, "a folder"},     {S_IFIFO, "a pipe"},   {S_IFSOCK, "a socket"},
      {S_IFCHR, "a device"},     {S_IFBLK, "a device"}, {S_IFLNK, "a symbolic link"},
      {0, "not a regular file"},
  };
  for (const auto& [kind, text] : kinds) EXPECT_EQ(describe_type(kind | 0644), text);
}

}  // namespace
}  // namespace hardload
