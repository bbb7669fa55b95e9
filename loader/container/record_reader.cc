#include "loader/container/record_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/container/crc32.h"
#include "loader/container/inflate.h"

namespace hardload {
namespace {

Error wrong(const Record& record, ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kContainer, std::move(problem)).in_record(record.name);
}

}  // namespace

Result<void> check_expansion(const ByteSource& source, const Record& record, const Limits& limits) {
  const std::uint64_t present = std::min(record.stored_bytes, source.allocated_bytes());
  if (record.bytes <= limits.expanded(present)) return {};
  return wrong(
      record, ErrorKind::kLimit,
      concat("the record makes ", record.bytes, " bytes from ", present, ", over max_expansion"));
}

Result<void> check_expansion(const ByteSource& source, std::span<const Record> records,
                             const Limits& limits) {
  const std::uint64_t present = source.allocated_bytes();
  std::uint64_t total = 0;
  for (const Record& record : records) {
    total = checked_add(total, record.bytes).value_or(~std::uint64_t{0});
  }
  if (total <= limits.expanded(present)) return {};
  return Error(ErrorKind::kLimit, Stage::kContainer,
               concat("the records make ", total, " bytes from a file that occupies ", present,
                      ", over max_expansion"));
}

Result<Buffer> read_record(const ByteSource& source, const Record& record,
                           const RecordOptions& options) {
  if (record.bytes > options.max_bytes) {
    return wrong(
        record, ErrorKind::kLimit,
        concat("the record has ", record.bytes, " bytes, over the limit of ", options.max_bytes));
  }
  HARDLOAD_TRY(check_expansion(source, record, options.limits));
  HARDLOAD_ASSIGN(Buffer content, Buffer::read(source, record.data_offset, record.stored_bytes));
  if (record.compression == Compression::kDeflated) {
    HARDLOAD_ASSIGN(Buffer inflated, Buffer::allocate(record.bytes));
    if (auto done = inflate(content.bytes(), inflated.bytes()); !done.ok()) {
      return std::move(done).error().in_record(record.name);
    }
    content = std::move(inflated);
  }
  if (options.verify_crc) HARDLOAD_TRY(check_crc(record, crc32(content.bytes())));
  return content;
}

Result<void> check_crc(const Record& record, std::uint32_t actual) {
  if (record.lacks_crc32() || actual == record.crc32) return {};
  return wrong(record, ErrorKind::kChecksum,
               concat("the record's CRC-32 is ", actual, ", but the archive says ", record.crc32));
}

Result<void> verify_record(const ByteSource& source, const Record& record, const Limits& limits) {
  if (record.compression == Compression::kDeflated) {
    HARDLOAD_TRY(read_record(source, record, {.limits = limits}));
    return {};
  }
  HARDLOAD_TRY(check_expansion(source, record, limits));
  constexpr std::uint64_t kChunk = 1 << 20;
  HARDLOAD_ASSIGN(Buffer chunk, Buffer::allocate(std::min(kChunk, record.bytes)));
  std::uint32_t actual = 0;
  for (std::uint64_t done = 0; done < record.bytes;) {
    const auto part = chunk.bytes().first(std::min<std::uint64_t>(kChunk, record.bytes - done));
    HARDLOAD_TRY(source.read_at(record.data_offset + done, part));
    actual = crc32(part, actual);
    done += part.size();
  }
  return check_crc(record, actual);
}

}  // namespace hardload
