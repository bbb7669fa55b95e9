#include "loader/container/safetensors.h"

#include <array>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/hash.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

Error refused(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kContainer, std::move(problem)).at(0);
}

// The bytes of the header, of which all are in the file.
Result<std::uint64_t> read_length(const ByteSource& source, const Limits& limits) {
  if (source.size() < kSafetensorsLengthBytes) {
    return refused(ErrorKind::kTooShort, "the file is too short for the length of its header");
  }
  std::array<std::byte, kSafetensorsLengthBytes> bytes;
  HARDLOAD_TRY(source.read_at(0, bytes));
  const std::uint64_t length = *Cursor(bytes).read<std::uint64_t>();
  if (length > kMaxSafetensorsHeader) {
    return refused(ErrorKind::kLimit, concat("the header has ", length, " bytes, over the ",
                                             kMaxSafetensorsHeader, " of the format"))
        .advise("The file is damaged, or none of safetensors: fetch it again.");
  }
  if (length > limits.max_directory_bytes) {
    return refused(ErrorKind::kLimit,
                   concat("the header has ", length, " bytes, over max_directory_bytes, ",
                          limits.max_directory_bytes));
  }
  if (length > source.size() - kSafetensorsLengthBytes) {
    return refused(ErrorKind::kTooShort,
                   concat("the header has ", length, " bytes, but the file only ", source.size()))
        .advise("The file was cut short, perhaps by a download: fetch it again.");
  }
  // A header that lies in a hole of a sparse file takes memory, and nothing of the file.
  if (length > limits.expanded(source.allocated_bytes())) {
    return refused(ErrorKind::kLimit,
                   concat("the header has ", length, " bytes of a file that occupies ",
                          source.allocated_bytes(), ", over max_expansion"));
  }
  return length;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::open(const ByteSource& source, const Limits& limits) {
  HARDLOAD_ASSIGN(const std::uint64_t length, read_length(source, limits));
  const std::uint64_t data_offset = kSafetensorsLengthBytes + length;
  HARDLOAD_ASSIGN(Buffer text, Buffer::read(source, kSafetensorsLengthBytes, length));
  HARDLOAD_ASSIGN(SafetensorsHeader header,
                  parse_safetensors_header(std::move(text), source.size() - data_offset, limits));
  return SafetensorsFile(std::move(header));
}

const Record* SafetensorsFile::storage(std::string_view key, const Record*) const {
  const auto is_same = [&](std::uint32_t i) { return records()[i].name == key; };
  const auto found = header_.by_name.find(seeded_hash(key), is_same);
  return found ? &header_.records[*found] : nullptr;
}

}  // namespace hardload
