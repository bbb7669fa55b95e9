#include "loader/bytes/file_source.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loader/base/text.h"
#include "loader/bytes/descriptor.h"
#include "loader/bytes/file_type.h"
#include "loader/bytes/system_error.h"

namespace hardload {
namespace {

Error not_regular(mode_t mode, const std::string& name) {
  return Error(ErrorKind::kNotRegular, Stage::kBytes,
               concat("this is ", describe_type(mode), ", not a file"))
      .in_source(name);
}

Result<struct stat> regular_status(int descriptor, const std::string& name) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return system_error("cannot be examined", errno, name);
  if (!S_ISREG(status.st_mode)) return not_regular(status.st_mode, name);
  return status;
}

Result<int> open_path(const std::string& path) {
  // The system would cut the path there and open another file.
  if (path.find('\0') != std::string::npos) {
    return Error(ErrorKind::kIo, Stage::kBytes, "the path holds a NUL byte").in_source(path);
  }
  // O_NONBLOCK: opening a pipe must not wait for a writer; on a regular file it means nothing.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor >= 0) return descriptor;
  const int fault = errno;
  struct stat status;
  // Sockets, and devices that are absent, cannot even be opened.
  if (fault == ENXIO && ::stat(path.c_str(), &status) == 0) {
    return not_regular(status.st_mode, path);
  }
  return system_error("cannot be opened", fault, path);
}

}  // namespace

Result<std::unique_ptr<ByteSource>> FileSource::open(const std::string& path) {
  std::string name = path;  // before there is a descriptor that nobody owns
  HARDLOAD_ASSIGN(const int descriptor, open_path(path));
  return adopt(descriptor, std::move(name));
}

Result<std::unique_ptr<ByteSource>> FileSource::adopt(int descriptor, std::string name) {
  Descriptor owned(descriptor);
  HARDLOAD_ASSIGN(const struct stat status, regular_status(owned.get(), name));
  return std::unique_ptr<ByteSource>(new FileSource(owned.release(), std::move(name), status));
}

FileSource::~FileSource() {
  ::close(descriptor_);
  if (direct_descriptor_ >= 0) ::close(direct_descriptor_);
}

std::uint64_t FileSource::allocated_bytes() const {
  constexpr std::uint64_t kBlock = 512;  // the unit of st_blocks, whatever the file system's is
  // Small files may live inside the inode and occupy no block; some file systems do not count.
  if (status_.st_blocks == 0) return size();
  const std::uint64_t allocated = static_cast<std::uint64_t>(status_.st_blocks) * kBlock;
  return std::min(size(), std::max<std::uint64_t>(allocated, 4096));
}

Result<void> FileSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, out.size()));
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot be read", errno, name_).at(offset);
    if (count == 0) {
      return Error(ErrorKind::kIo, Stage::kBytes, "the file became shorter while it was read")
          .in_source(name_)
          .at(offset);
    }
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

bool FileSource::is_cached(std::uint64_t offset) const {
  std::byte byte;
  const iovec one = {&byte, 1};
  // EAGAIN: it would have to wait. Other errors say nothing about where the bytes are.
  return ::preadv2(descriptor_, &one, 1, static_cast<off_t>(offset), RWF_NOWAIT) >= 0 ||
         errno != EAGAIN;
}

Result<void> FileSource::read_direct(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, 0));
  std::call_once(direct_once_, [&] {
    const std::string itself = concat("/proc/self/fd/", descriptor_);
    direct_descriptor_ = ::open(itself.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  });
  while (direct_descriptor_ >= 0 && !out.empty()) {
    const ssize_t count =
        ::pread(direct_descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;  // a file system that wants it otherwise: read_at tells what is wrong
    const std::uint64_t units = static_cast<std::uint64_t>(count) / kDirectUnit * kDirectUnit;
    if (units == 0) break;  // the end of the file
    offset += units;
    out = out.subspan(units);
  }
  return out.empty() ? Result<void>() : ByteSource::read_direct(offset, out);
}

Result<void> FileSource::check_unchanged() const {
  HARDLOAD_ASSIGN(const struct stat now, regular_status(descriptor_, name_));
  const auto same_time = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  // Not by st_ctim: putting another file in the place of this one sets it, which harms nobody who
  // has this one open.
  if (now.st_size == status_.st_size && same_time(now.st_mtim, status_.st_mtim)) return {};
  return Error(ErrorKind::kIo, Stage::kBytes, "the file changed while it was read")
      .in_source(name_);
}

Result<std::unique_ptr<ByteSource>> MappedSource::open(const std::string& path) {
  std::string name = path;  // before there is a descriptor that nobody owns
  HARDLOAD_ASSIGN(const int descriptor, open_path(path));
  return adopt(descriptor, std::move(name));
}

Result<std::unique_ptr<ByteSource>> MappedSource::adopt(int descriptor, std::string name) {
  Descriptor owned(descriptor);
  HARDLOAD_ASSIGN(const struct stat status, regular_status(owned.get(), name));
  std::unique_ptr<MappedSource> source(new MappedSource(owned.release(), std::move(name), status));
  if (source->size() == 0) return std::unique_ptr<ByteSource>(std::move(source));
  void* start =
      ::mmap(nullptr, source->size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, source->descriptor(), 0);
  if (start == MAP_FAILED) return system_error("cannot be mapped", errno, source->name());
  source->view_ = {static_cast<std::byte*>(start), source->size()};
  return std::unique_ptr<ByteSource>(std::move(source));
}

MappedSource::~MappedSource() {
  if (!view_.empty()) ::munmap(view_.data(), view_.size());
}

}  // namespace hardload
