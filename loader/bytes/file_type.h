// describe_type: what stands under a path where a file is needed, in words.
#pragma once

#include <string_view>

#include <sys/stat.h>

namespace hardload {

// "a folder", "a pipe", ... for the st_mode of a file that is not a regular one.
inline std::string_view describe_type(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "not a regular file";
}

}  // namespace hardload
