#include "loader/bytes/buffer.h"

#include <new>

#include "loader/base/text.h"
#include "loader/bytes/huge_pages.h"

namespace hardload {

Result<Buffer> Buffer::allocate(std::uint64_t size) {
  Buffer buffer;
  buffer.data_.reset(new (std::nothrow) std::byte[size]);
  if (!buffer.data_) {
    return Error(ErrorKind::kOutOfMemory, Stage::kBytes,
                 concat(size, " bytes of memory could not be had"));
  }
  buffer.size_ = size;
  advise_huge_pages(buffer.bytes());
  return buffer;
}

Result<Buffer> Buffer::read(const ByteSource& source, std::uint64_t offset, std::uint64_t size) {
  HARDLOAD_TRY(source.check_range(offset, size));
  HARDLOAD_ASSIGN(Buffer buffer, allocate(size));
  HARDLOAD_TRY(source.read_at(offset, buffer.bytes()));
  return buffer;
}

}  // namespace hardload
