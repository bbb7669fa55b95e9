#include "loader/bytes/file_writer.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/text.h"
#include "loader/bytes/file_type.h"
#include "loader/bytes/system_error.h"

namespace hardload {
namespace {

// Writes below this size are gathered.
constexpr std::size_t kBlock = std::size_t{1} << 18;
// Linux writes at most 2 GiB at once.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;
constexpr mode_t kPermissions = 0777;

// The process's umask. The system call can only set it, which other threads would notice.
mode_t current_umask() {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view kField = "Umask:\t";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kField)) continue;
    unsigned mask = 0;
    const char* end = line.data() + line.size();
    const auto [stop, fault] = std::from_chars(line.data() + kField.size(), end, mask, 8);
    if (fault == std::errc() && stop == end) return mask & kPermissions;
  }
  return 077;  // no /proc: for the owner alone
}

// 128 random bits as text; empty where the system gives none.
std::string random_name() {
  std::array<unsigned char, 16> bits;
  if (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size())) return {};
  std::string text;
  for (const unsigned char byte : bits) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 0xF];
  }
  return text;
}

}  // namespace

Error FileWriter::failed(std::string_view what, int number) const {
  auto error = system_error(what, number, path_);
  switch (number) {
    case ENOSPC:
    case EDQUOT: return std::move(error).advise("Free space, or write to another disk.");
    case EFBIG:
      return std::move(error).advise("Raise the limit of file sizes, or write to another disk.");
    case ENOENT: return std::move(error).advise("Make the folder first.");
    case EACCES:
    case EPERM:
    case EROFS: return std::move(error).advise("Write to a folder that you may write to.");
    default: return error;
  }
}

Result<FileWriter> FileWriter::open(const std::string& path, const FileWriterOptions& options) {
  FileWriter writer(path, options);
  HARDLOAD_TRY(writer.open_folder());
  HARDLOAD_TRY(writer.check_target());
  HARDLOAD_TRY(writer.create_temporary());
  return writer;
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      options_(other.options_),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      mode_(other.mode_),
      folder_(std::exchange(other.folder_, -1)),
      file_(std::exchange(other.file_, -1)),
      pending_(std::move(other.pending_)) {}

FileWriter::~FileWriter() {
  discard();
  if (folder_ >= 0) ::close(folder_);
}

void FileWriter::discard() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  if (!temporary_.empty()) ::unlinkat(folder_, temporary_.c_str(), 0);
  temporary_.clear();
}

// All that follows is relative to the folder as it is now, wherever it is moved meanwhile.
Result<void> FileWriter::open_folder() {
  // The system would cut the path there and write another file.
  if (path_.find('\0') != std::string::npos) {
    return Error(ErrorKind::kIo, Stage::kBytes, "the path holds a NUL byte").in_source(path_);
  }
  const auto slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  name_ = slash == std::string::npos ? path_ : path_.substr(slash + 1);
  if (name_.empty()) {
    return Error(ErrorKind::kIo, Stage::kBytes, "the path names no file")
        .in_source(path_)
        .advise("Give the name of a file, like \"model.pth\".");
  }
  folder_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0) return failed("the folder cannot be opened", errno);
  return {};
}

Result<void> FileWriter::check_target() {
  struct stat status;
  if (::fstatat(folder_, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return failed("cannot be examined", errno);
    mode_ = 0666 & ~current_umask();
    return {};
  }
  if (S_ISLNK(status.st_mode)) {
    if (!options_.replace_link) {
      return Error(ErrorKind::kIo, Stage::kBytes,
                   "this is a symbolic link, which is not written to")
          .in_source(path_)
          .advise("Give the path that it points to, or set replace_link to replace the link.");
    }
    mode_ = 0666 & ~current_umask();
    return {};
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(ErrorKind::kNotRegular, Stage::kBytes,
                 concat("this is ", describe_type(status.st_mode), ", which a file cannot replace"))
        .in_source(path_)
        .advise("Give the path of a file.");
  }
  mode_ = status.st_mode & kPermissions;
  return {};
}

Result<void> FileWriter::create_temporary() {
  const std::string random = random_name();
  if (random.empty()) return failed("no random numbers can be had", EAGAIN);
  // The name may be as long as names can be, so that only its beginning fits.
  std::string temporary = concat(".", name_.substr(0, 128), ".", random, ".tmp");
  file_ = ::openat(folder_, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                   0600);
  if (file_ < 0) return failed("no file can be made in its folder", errno);
  temporary_ = std::move(temporary);
  return {};
}

Result<void> FileWriter::write(std::span<const std::byte> bytes) {
  if (file_ < 0) return failed("cannot be written", EBADF);
  if (bytes.size() < kBlock) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    return pending_.size() < kBlock ? Result<void>() : flush();
  }
  HARDLOAD_TRY(flush());
  return write_all(bytes);
}

Result<void> FileWriter::flush() {
  const auto written = write_all(pending_);
  pending_.clear();
  return written;
}

Result<void> FileWriter::write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_, bytes.data(), std::min(bytes.size(), kMostAtOnce));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int fault = count < 0 ? errno : EIO;
      discard();
      return failed("cannot be written", fault);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

// Some file systems report only here that a write failed.
Result<void> FileWriter::close_file() {
  const int fault = ::close(std::exchange(file_, -1)) == 0 ? 0 : errno;
  // Linux has closed it in any case; on EINTR nothing is known to be wrong.
  if (fault != 0 && fault != EINTR) return failed("cannot be closed", fault);
  return {};
}

Result<void> FileWriter::commit() {
  if (file_ < 0) return failed("cannot be written", EBADF);
  const auto put = [this]() -> Result<void> {
    HARDLOAD_TRY(flush());
    if (::fchmod(file_, mode_) != 0) return failed("cannot be given its permissions", errno);
    if (options_.sync && ::fsync(file_) != 0) return failed("cannot be brought to the disk", errno);
    HARDLOAD_TRY(close_file());
    if (::renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) {
      return failed("cannot be put in its place", errno);
    }
    temporary_.clear();
    return {};
  };
  if (auto done = put(); !done.ok()) {
    discard();
    return done;
  }
  // Not every file system can sync a folder: those that cannot say EINVAL.
  if (options_.sync && ::fsync(folder_) != 0 && errno != EINVAL) {
    return failed("is in its place, but its folder cannot be brought to the disk", errno);
  }
  return {};
}

}  // namespace hardload
