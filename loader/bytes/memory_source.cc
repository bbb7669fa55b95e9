#include "loader/bytes/memory_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "loader/base/text.h"
#include "loader/bytes/system_error.h"

namespace hardload {

Result<void> MemorySource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  HARDLOAD_TRY(check_range(offset, out.size()));
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Result<std::unique_ptr<ByteSource>> read_stream(int descriptor, std::string name,
                                                const Limits& limits) {
  constexpr std::size_t kFirst = 64 << 10;
  HARDLOAD_ASSIGN(Buffer buffer, Buffer::allocate(kFirst));
  std::size_t filled = 0;
  while (true) {
    if (filled == buffer.size()) {
      HARDLOAD_ASSIGN(Buffer larger, Buffer::allocate(std::uint64_t{2} * buffer.size()));
      std::memcpy(larger.bytes().data(), buffer.bytes().data(), filled);
      buffer = std::move(larger);
    }
    const auto room = buffer.bytes().subspan(filled);
    const ssize_t count = ::read(descriptor, room.data(), room.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot be read", errno, name);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > limits.max_stream_bytes) {
      return Error(ErrorKind::kLimit, Stage::kBytes,
                   concat("the stream is longer than max_stream_bytes, ", limits.max_stream_bytes))
          .in_source(name);
    }
  }
  return std::unique_ptr<ByteSource>(
      std::make_unique<MemorySource>(std::move(buffer), filled, std::move(name)));
}

}  // namespace hardload
