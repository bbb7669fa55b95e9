#include "loader/bytes/byte_source.h"

#include "loader/base/text.h"

namespace hardload {

Result<void> ByteSource::check_range(std::uint64_t offset, std::uint64_t count) const {
  if (offset <= size() && count <= size() - offset) return {};
  return Error(ErrorKind::kBounds, Stage::kBytes,
               concat(count, " bytes are needed here, but the file ends at byte ", size()))
      .in_source(name())
      .at(offset);
}

}  // namespace hardload
