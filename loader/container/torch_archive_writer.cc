#include "loader/container/torch_archive_writer.h"

#include "loader/base/text.h"

namespace hardload {

Result<void> TorchArchiveWriter::begin(std::string_view pickle, ByteOrder order) {
  const auto add = [this](std::string_view name, std::string_view text) {
    return zip_.add(name, std::as_bytes(std::span(text.data(), text.size())));
  };
  HARDLOAD_TRY(add("data.pkl", pickle));
  HARDLOAD_TRY(add(".format_version", "1"));
  HARDLOAD_TRY(add(".storage_alignment", std::to_string(alignment_)));
  return add("byteorder", order == ByteOrder::kLittle ? "little" : "big");
}

Result<void> TorchArchiveWriter::begin_storage(std::uint64_t bytes) {
  return zip_.begin(concat("data/", storages_++), bytes);
}

}  // namespace hardload
