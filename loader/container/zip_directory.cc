#include "loader/container/zip_directory.h"

#include <string>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/bytes/huge_pages.h"
#include "loader/container/record_name.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

constexpr std::uint16_t kKnownFlags = kFlagDeflateOptions | kFlagDescriptor | kFlagUtf8;
constexpr std::uint32_t kDosDirectory = 0x10;
constexpr std::uint32_t kUnixTypeMask = 0170000, kUnixLink = 0120000, kUnixDirectory = 0040000,
                        kUnixFile = 0100000;

// One central header with what follows it, and where it lies in the file.
struct Entry {
  CentralHeader header;
  std::string_view name;
  std::span<const std::byte> extra;
  std::uint64_t offset;

  Error error(ErrorKind kind, std::string problem) const {
    return Error(kind, Stage::kContainer, std::move(problem)).in_record(name).at(offset);
  }
};

// Replaces the fields that say "elsewhere" by their zip64 values, which stand there one after the
// other (APPNOTE 4.5.3). Some writers put in all three: then each must be what the header says, or
// else readers that go by the place of a value find another one.
Result<void> apply_zip64(const Entry& entry, std::span<const std::byte> extra, Record& record) {
  struct Field {
    bool elsewhere;
    std::uint64_t& value;
  };
  Field fields[] = {{entry.header.bytes == kElsewhere32, record.bytes},
                    {entry.header.stored_bytes == kElsewhere32, record.stored_bytes},
                    {entry.header.header_offset == kElsewhere32, record.header_offset}};
  Cursor needed(extra);
  for (Field& field : fields) {
    if (!field.elsewhere) continue;
    const auto value = needed.read<std::uint64_t>();
    if (!value) {
      return entry.error(ErrorKind::kContainer, "the zip64 field is too short for its values");
    }
    field.value = *value;
  }
  if (needed.remaining() == 0) return {};
  Cursor by_place(extra);
  for (const Field& field : fields) {
    const auto value = by_place.read<std::uint64_t>();
    if (value ? *value != field.value : field.elsewhere) {
      return entry.error(ErrorKind::kContainer, "the zip64 field contradicts the header");
    }
  }
  return {};
}

Result<void> read_extra(const Entry& entry, Record& record) {
  Cursor cursor(entry.extra);
  bool zip64_seen = false;
  while (cursor.remaining() > 0) {
    const auto id = cursor.read<std::uint16_t>();
    const auto bytes = id ? cursor.read<std::uint16_t>() : std::nullopt;
    const auto data = bytes ? cursor.take(*bytes) : std::nullopt;
    if (!data) {
      return entry.error(ErrorKind::kBounds, "an extra field runs past the extra area");
    }
    if (*id == kExtraZip64) {
      if (zip64_seen) return entry.error(ErrorKind::kContainer, "there are two zip64 fields");
      zip64_seen = true;
      HARDLOAD_TRY(apply_zip64(entry, *data, record));
    } else if (*id == kExtraUnicodePath) {
      constexpr std::size_t kLead = 5;  // version, CRC-32 of the name
      if (data->size() < kLead || Cursor::as_text(data->subspan(kLead)) != entry.name) {
        return entry.error(ErrorKind::kName, "the record has two different names");
      }
    }
  }
  const bool elsewhere = entry.header.bytes == kElsewhere32 ||
                         entry.header.stored_bytes == kElsewhere32 ||
                         entry.header.header_offset == kElsewhere32;
  if (elsewhere && !zip64_seen) {
    return entry.error(ErrorKind::kContainer, "a size is said to be in a zip64 field, but none is");
  }
  return {};
}

Result<void> check_attributes(const Entry& entry, const Record& record) {
  // Unix keeps its mode in the upper half. Some readers look at it whatever system made the entry.
  const std::uint32_t type = (entry.header.external_attributes >> 16) & kUnixTypeMask;
  if (type != 0 && type != kUnixFile && type != kUnixDirectory) {
    return entry.error(ErrorKind::kName, type == kUnixLink ? "the record is a symbolic link"
                                                           : "the record is a special file");
  }
  const bool directory = entry.name.ends_with('/') || type == kUnixDirectory ||
                         (entry.header.external_attributes & kDosDirectory) != 0;
  if (directory && (record.bytes != 0 || record.stored_bytes != 0)) {
    return entry.error(ErrorKind::kContainer, "the record is a folder, yet has content");
  }
  return {};
}

Result<Record> read_entry(const Entry& entry, const Limits& limits) {
  const CentralHeader& h = entry.header;
  HARDLOAD_TRY(check_record_name(entry.name, limits.max_record_name_bytes, entry.offset));
  if ((h.flags & kFlagEncrypted) != 0) {
    return entry.error(ErrorKind::kUnsupported, "the record is encrypted");
  }
  if ((h.flags & ~kKnownFlags) != 0) {
    return entry.error(ErrorKind::kUnsupported,
                       concat("the record has flags ", h.flags, ", some of them unknown"));
  }
  if (h.method != kMethodStored && h.method != kMethodDeflated) {
    return entry
        .error(ErrorKind::kUnsupported, concat("the record is compressed with method ", h.method))
        .advise("Only stored and deflated records are read: save the file with torch.save.");
  }
  if (h.disk != 0) {
    return entry.error(ErrorKind::kUnsupported, "the record lies on another disk");
  }
  Record record{
      .name = entry.name,
      .header_offset = h.header_offset,
      .data_offset = 0,
      .stored_bytes = h.stored_bytes,
      .bytes = h.bytes,
      .crc32 = h.crc32,
      .flags = h.flags,
      .compression = h.method == kMethodStored ? Compression::kStored : Compression::kDeflated};
  HARDLOAD_TRY(read_extra(entry, record));
  if (record.compression == Compression::kStored && record.stored_bytes != record.bytes) {
    return entry.error(ErrorKind::kContainer, "a stored record has two different sizes");
  }
  if (record.stored_bytes == 0 && record.bytes != 0) {
    return entry.error(ErrorKind::kContainer, "a record without bytes is said to have content");
  }
  HARDLOAD_TRY(check_attributes(entry, record));
  return record;
}

}  // namespace

Result<DirectoryListing> read_directory(const ByteSource& source, const Directory& directory,
                                        const Limits& limits) {
  DirectoryListing listing;
  HARDLOAD_ASSIGN(listing.bytes, Buffer::read(source, directory.offset, directory.bytes));
  // Each header takes kCentralBytes at least, so this reserves no more than the bytes justify.
  if (directory.records > directory.bytes / kCentralBytes) {
    return Error(ErrorKind::kContainer, Stage::kContainer,
                 concat("the central directory has ", directory.bytes, " bytes, too few for ",
                        directory.records, " records"))
        .at(directory.offset);
  }
  reserve_huge(listing.records, directory.records);

  Cursor cursor(listing.bytes.bytes());
  while (cursor.remaining() > 0 && listing.records.size() < directory.records) {
    const std::uint64_t offset = directory.offset + cursor.position();
    const auto header = parse_central(listing.bytes.bytes().subspan(cursor.position()));
    if (!header) {
      return Error(ErrorKind::kContainer, Stage::kContainer,
                   concat("entry ", listing.records.size(), " of the central directory is broken"))
          .at(offset);
    }
    (void)cursor.take(kCentralBytes);
    const auto name = cursor.take_text(header->name_bytes);
    const auto extra = name ? cursor.take(header->extra_bytes) : std::nullopt;
    const auto comment = extra ? cursor.take(header->comment_bytes) : std::nullopt;
    if (!comment) {
      return Error(ErrorKind::kBounds, Stage::kContainer,
                   concat("entry ", listing.records.size(), " runs past the central directory"))
          .at(offset);
    }
    HARDLOAD_ASSIGN(Record record, read_entry(Entry{*header, *name, *extra, offset}, limits));
    listing.records.push_back(record);
  }
  if (cursor.remaining() > 0 || listing.records.size() != directory.records) {
    return Error(ErrorKind::kContainer, Stage::kContainer,
                 concat("the archive declares ", directory.records,
                        " records, but its directory holds another number"))
        .at(directory.offset);
  }
  return listing;
}

}  // namespace hardload::zip
