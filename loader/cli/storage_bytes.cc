#include "loader/cli/storage_bytes.h"

#include "loader/base/byte_swap.h"
#include "loader/container/record_reader.h"

namespace hardload {

Result<Buffer> read_storage(const ByteSource& source, const Manifest& manifest,
                            std::uint32_t storage, const Limits& limits) {
  const StorageSpec& spec = manifest.storages()[storage];
  if (spec.record == nullptr) return Buffer();
  HARDLOAD_ASSIGN(Buffer content, read_record(source, *spec.record, {.limits = limits}));
  if (manifest.byte_order() == ByteOrder::kBig) {
    swap_bytes(content.bytes(), info(spec.dtype).swap_bytes);
  }
  return content;
}

}  // namespace hardload
