// FileSource: a socket under the path is no file, and a rewritten file is noticed whatever its
// modification time says.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

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

// V05: size and modification time are as before; the time of change (ctime) is not.
TEST(FileSource, NoticesARewrittenFileWhoseTimeWasPutBack) {
  const std::string path = testing::write_temporary("put_back", "0123456789");
  struct stat before;
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  const auto source = FileSource::open(path);
  ASSERT_OK(source);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << "abc";
  const timespec times[] = {before.st_atim, before.st_mtim};
  // The clock of file times has a resolution of its own: until it has moved on.
  struct stat after;
  do {
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    ASSERT_EQ(::stat(path.c_str(), &after), 0);
  } while (after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
  EXPECT_ERROR((*source)->check_unchanged(), ErrorKind::kIo, "changed");
}

}  // namespace
}  // namespace hardload
