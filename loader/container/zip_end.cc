#include "loader/container/zip_end.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/bytes/buffer.h"
#include "loader/container/zip_cut.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

Error broken(std::string problem, std::uint64_t offset) {
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem)).at(offset);
}

// Whether the end record at `at` is this file's, and not a tensor's data, which may be an archive:
// a directory, or a zip64 end record and its locator, ends where it begins.
bool ends_a_directory(std::span<const std::byte> tail, std::size_t at, std::uint64_t tail_offset) {
  const auto end = parse_end(tail.subspan(at));
  if (std::uint64_t{end->directory_offset} + end->directory_bytes == tail_offset + at) return true;
  const auto locator =
      at < kLocatorBytes ? std::nullopt : parse_locator(tail.subspan(at - kLocatorBytes));
  return locator && locator->end64_offset == tail_offset + at - kLocatorBytes - kEnd64Bytes;
}

// The position of the one end record that closes the file.
Result<std::uint64_t> find_end(const ByteSource& source) {
  const std::uint64_t tail_bytes =
      std::min<std::uint64_t>(source.size(), kEndBytes + kMaxCommentBytes);
  const std::uint64_t tail_offset = source.size() - tail_bytes;
  HARDLOAD_ASSIGN(const Buffer tail, Buffer::read(source, tail_offset, tail_bytes));

  // Other readers take the last signature, whether or not its record closes the file: no other
  // answer may differ from theirs. Signatures in front of it are data.
  std::optional<std::size_t> closing;
  std::optional<std::size_t> last;
  for (std::size_t at = 0; at + kEndBytes <= tail.size(); ++at) {
    const auto end = parse_end(tail.bytes().subspan(at));
    if (!end) continue;
    last = at;
    if (at + kEndBytes + end->comment_bytes != tail.size()) continue;
    if (closing) break;  // and `last` is another
    closing = at;
  }
  if (closing && last == closing) return tail_offset + *closing;
  if (closing) {
    return broken("the zip file has two end records, which makes it ambiguous",
                  tail_offset + *last);
  }
  if (last && ends_a_directory(tail.bytes(), *last, tail_offset)) {
    return broken("the zip file's end record is not at its end: bytes follow it, or are missing",
                  tail_offset + *last);
  }
  return explain_cut(source);
}

// The values of the zip64 end record, checked against its locator and the plain end record.
Result<End64Record> read_end64(const ByteSource& source, const EndRecord& end,
                               const End64Locator& locator, std::uint64_t locator_offset) {
  if (locator.disk != 0 || locator.disks > 1) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer, "the zip file spans several disks")
        .at(locator_offset);
  }
  const std::uint64_t at = locator.end64_offset;
  if (at > locator_offset || locator_offset - at < kEnd64Bytes) {
    return broken("the zip64 locator points outside of the file's end", locator_offset);
  }
  HARDLOAD_ASSIGN(const Buffer bytes, Buffer::read(source, at, kEnd64Bytes));
  const auto end64 = parse_end64(bytes.bytes());
  if (!end64) return broken("the zip64 locator does not point at a zip64 end record", at);
  if (end64->own_bytes != locator_offset - at - kEnd64LeadBytes) {
    return broken("the zip64 end record does not reach up to its locator", at);
  }
  // Where the plain record holds a value of its own, both must agree.
  const bool agree =
      (end.disk == kElsewhere16 || end.disk == end64->disk) &&
      (end.directory_disk == kElsewhere16 || end.directory_disk == end64->directory_disk) &&
      (end.disk_records == kElsewhere16 || end.disk_records == end64->disk_records) &&
      (end.records == kElsewhere16 || end.records == end64->records) &&
      (end.directory_bytes == kElsewhere32 || end.directory_bytes == end64->directory_bytes) &&
      (end.directory_offset == kElsewhere32 || end.directory_offset == end64->directory_offset);
  if (!agree) return broken("the zip64 end record contradicts the plain one", at);
  return *end64;
}

}  // namespace

Result<Directory> find_directory(const ByteSource& source, const Limits& limits) {
  if (source.size() < kEndBytes) {
    return Error(ErrorKind::kTooShort, Stage::kContainer,
                 concat("a zip file has at least ", kEndBytes, " bytes, this one ", source.size()));
  }
  HARDLOAD_ASSIGN(const std::uint64_t end_offset, find_end(source));
  HARDLOAD_ASSIGN(const Buffer end_bytes, Buffer::read(source, end_offset, kEndBytes));
  const auto end = parse_end(end_bytes.bytes());
  if (!end) return broken("the end record changed while it was read", end_offset);

  End64Record values{.own_bytes = 0,
                     .disk = end->disk,
                     .directory_disk = end->directory_disk,
                     .disk_records = end->disk_records,
                     .records = end->records,
                     .directory_bytes = end->directory_bytes,
                     .directory_offset = end->directory_offset};
  std::uint64_t directory_end = end_offset;
  if (end_offset >= kLocatorBytes) {
    const std::uint64_t locator_offset = end_offset - kLocatorBytes;
    HARDLOAD_ASSIGN(const Buffer bytes, Buffer::read(source, locator_offset, kLocatorBytes));
    if (const auto locator = parse_locator(bytes.bytes())) {
      HARDLOAD_ASSIGN(values, read_end64(source, *end, *locator, locator_offset));
      directory_end = locator->end64_offset;
    }
  }

  if (values.disk != 0 || values.directory_disk != 0 || values.disk_records != values.records) {
    return Error(ErrorKind::kUnsupported, Stage::kContainer, "the zip file spans several disks")
        .at(end_offset);
  }
  if (values.directory_bytes > limits.max_directory_bytes) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("the central directory takes ", values.directory_bytes,
                        " bytes, over max_directory_bytes, ", limits.max_directory_bytes))
        .at(end_offset);
  }
  if (values.records > limits.max_records) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("the archive declares ", values.records, " records, over max_records, ",
                        limits.max_records))
        .at(end_offset);
  }
  const auto stop = checked_add(values.directory_offset, values.directory_bytes);
  if (!stop || *stop > directory_end) {
    return Error(ErrorKind::kBounds, Stage::kContainer,
                 concat("the central directory is declared at byte ", values.directory_offset,
                        " with ", values.directory_bytes, " bytes, which reach past byte ",
                        directory_end, ", where the end records begin"))
        .at(end_offset);
  }
  if (*stop != directory_end) {
    return broken(
        concat("the central directory is declared at byte ", values.directory_offset, " with ",
               values.directory_bytes, " bytes, but ends at byte ", directory_end),
        end_offset);
  }
  // A directory that lies in a hole of a sparse file takes memory, and nothing of the file.
  if (values.directory_bytes > limits.expanded(source.allocated_bytes())) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("the central directory takes ", values.directory_bytes,
                        " bytes of a file that occupies ", source.allocated_bytes(),
                        ", over max_expansion"))
        .at(values.directory_offset);
  }
  return Directory{values.directory_offset, values.directory_bytes, values.records};
}

}  // namespace hardload::zip
