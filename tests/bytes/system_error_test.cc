// system_error names the file, what was tried, and the system's own words.

#include "loader/bytes/system_error.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(SystemError, SaysWhatTheSystemSaid) {
  const Error error = system_error("cannot be opened", ENOENT, "m.pth");
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_EQ(error.stage(), Stage::kBytes);
  EXPECT_EQ(error.problem(), "cannot be opened: No such file or directory");
  EXPECT_EQ(error.source(), "m.pth");
}

}  // namespace
}  // namespace hardload
