// FileSource: a regular file, read at positions; and MappedSource, which can lend its bytes too.
//
//   HARDLOAD_ASSIGN(auto source, FileSource::open("model.pth"));
//
// A file is opened without blocking and refused unless it is a regular one, so that a pipe or a
// device under the path can neither hang nor act.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <sys/stat.h>

#include "loader/bytes/byte_source.h"

namespace hardload {

class FileSource : public ByteSource {
 public:
  // Errors: kIo where the path cannot be opened; kNotRegular where it is not a file.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  // Takes `descriptor` over, also where it fails. The same errors.
  static Result<std::unique_ptr<ByteSource>> adopt(int descriptor, std::string name);

  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::string_view name() const override { return name_; }
  std::uint64_t size() const override { return static_cast<std::uint64_t>(status_.st_size); }
  std::uint64_t allocated_bytes() const override;
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  bool is_cached(std::uint64_t offset) const override;
  Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const override;
  Result<void> check_unchanged() const override;

 protected:
  FileSource(int descriptor, std::string name, const struct stat& status)
      : descriptor_(descriptor), name_(std::move(name)), status_(status) {}
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::string name_;
  struct stat status_;  // as it was when the file was opened
  // The same file, opened once more to be read past the page cache, when that is first asked for;
  // -1 where it cannot be.
  mutable std::once_flag direct_once_;
  mutable int direct_descriptor_ = -1;
};

// The whole file is also mapped, privately: bytes lent by view() may be written without changing
// the file, and follow the file where they were not. A file that is cut short later raises SIGBUS
// in whoever touches view(); read_at stays safe.
class MappedSource final : public FileSource {
 public:
  // Errors: those of FileSource; kIo where the file cannot be mapped.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  static Result<std::unique_ptr<ByteSource>> adopt(int descriptor, std::string name);

  ~MappedSource() override;
  std::span<const std::byte> view() const override { return view_; }

 private:
  using FileSource::FileSource;
  std::span<std::byte> view_;
};

}  // namespace hardload
