#include "loader/container/serialization_id.h"

#include <string>

#include "loader/container/record_reader.h"

namespace hardload {
namespace {

constexpr std::size_t kDigits = 20;  // of each half

// Over the CRC fields in directory order, without empty records and the id itself.
std::uint64_t crc_chain(std::span<const Record> records, const Record& id) {
  std::uint64_t hash = 0;
  for (const Record& record : records) {
    if (record.bytes == 0 || record.name == id.name) continue;
    hash = hash_combine(hash, record.crc32);
  }
  return hash;
}

}  // namespace

Result<void> check_absent_crcs(const ByteSource& source, std::span<const Record> records,
                               const Record* id, const Limits& limits) {
  const Record* zeroed = nullptr;
  for (const Record& record : records) {
    if (record.lacks_crc32()) zeroed = &record;
  }
  if (zeroed == nullptr || id == nullptr) return {};
  constexpr std::uint64_t kMost = 4096;  // more is refused before it is read
  HARDLOAD_ASSIGN(const Buffer content, read_record(source, *id, {limits, kMost}));
  std::string chain = std::to_string(crc_chain(records, *id));
  chain.insert(0, kDigits - chain.size(), '0');
  if (content.size() == 2 * kDigits && content.text().substr(kDigits) == chain) return {};
  return Error(ErrorKind::kChecksum, Stage::kContainer,
               "the record's CRC-32 was removed after the file was written")
      .in_record(zeroed->name)
      .at(zeroed->header_offset);
}

}  // namespace hardload
