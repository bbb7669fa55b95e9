#include "loader/container/zip_local.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/bytes/read_window.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

Error broken(const Record& record, std::string problem, std::uint64_t offset) {
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem))
      .in_record(record.name)
      .at(offset);
}

struct Sizes {
  std::uint64_t bytes, stored_bytes;
};

// The sizes that the local header declares, those that stand "elsewhere" taken from its zip64 field
// (which holds both in a local header: APPNOTE 4.5.3). nullopt where the extra fields are malformed
// or contradict the header. Torch's own extra field is padding and says nothing; and beyond 4 GiB
// it writes zip64 fields that hold the offset, beside sizes of 0.
std::optional<Sizes> local_sizes(const LocalHeader& local, std::string_view name,
                                 std::span<const std::byte> extra) {
  Sizes sizes{local.bytes, local.stored_bytes};
  bool zip64_seen = false;
  Cursor cursor(extra);
  while (cursor.remaining() > 0) {
    const auto id = cursor.read<std::uint16_t>();
    const auto length = id ? cursor.read<std::uint16_t>() : std::nullopt;
    const auto data = length ? cursor.take(*length) : std::nullopt;
    if (!data) return std::nullopt;
    if (*id == kExtraUnicodePath) {
      constexpr std::size_t kLead = 5;  // version, CRC-32 of the name
      if (data->size() < kLead || Cursor::as_text(data->subspan(kLead)) != name) {
        return std::nullopt;
      }
    } else if (*id == kExtraZip64) {
      if (zip64_seen) return std::nullopt;
      zip64_seen = true;
      Cursor field(local.bytes == 0 ? std::span<const std::byte>() : *data);
      for (std::uint64_t* size : {&sizes.bytes, &sizes.stored_bytes}) {
        const auto value = field.read<std::uint64_t>();
        if (*size == kElsewhere32 && value) *size = *value;
        if (value && *value != *size) return std::nullopt;
      }
    }
  }
  const bool elsewhere = local.bytes == kElsewhere32 || local.stored_bytes == kElsewhere32;
  return elsewhere && !zip64_seen ? std::nullopt : std::optional(sizes);
}

// `rest` is the name and the extra field.
Result<void> compare(const Record& record, const LocalHeader& local,
                     std::span<const std::byte> rest) {
  if (Cursor::as_text(rest.first(local.name_bytes)) != record.name) {
    return broken(record, "the record has another name in its local header", record.header_offset);
  }
  // Where a descriptor follows the data, the header may leave its values open as 0.
  const auto agrees = [&](std::uint64_t value, std::uint64_t central) {
    return value == central || (value == 0 && (record.flags & kFlagDescriptor) != 0);
  };
  const std::uint16_t method =
      record.compression == Compression::kStored ? kMethodStored : kMethodDeflated;
  const auto sizes = local_sizes(local, record.name, rest.subspan(local.name_bytes));
  if (local.flags != record.flags || local.method != method || !agrees(local.crc32, record.crc32) ||
      !sizes || !agrees(sizes->bytes, record.bytes) ||
      !agrees(sizes->stored_bytes, record.stored_bytes)) {
    return broken(record, "the local header contradicts the central directory",
                  record.header_offset);
  }
  return {};
}

// Checks the `gap` bytes after the record's data: a data descriptor, or nothing.
Result<void> check_gap(ReadWindow& window, const Record& record, std::uint64_t gap) {
  const std::uint64_t data_end = record.data_offset + record.stored_bytes;
  const bool descriptor = (record.flags & kFlagDescriptor) != 0;
  if (gap == 0 && (!descriptor || record.bytes == 0)) return {};
  const bool signed_form = gap == 16 || gap == 24;
  const bool bare_form = gap == 12 || gap == 20;
  if (!descriptor || (!signed_form && !bare_form)) {
    return broken(record,
                  gap == 0 ? std::string("the record's data descriptor is missing")
                           : concat(gap, " bytes after the record belong to no record"),
                  data_end);
  }
  HARDLOAD_ASSIGN(const auto bytes, window.at(data_end, gap));
  Cursor cursor(bytes);
  bool right = bare_form || cursor.read<std::uint32_t>() == kDescriptorSignature;
  right = right && cursor.read<std::uint32_t>() == record.crc32;
  for (const std::uint64_t size : {record.stored_bytes, record.bytes}) {
    if (gap >= 20) {
      right = right && cursor.read<std::uint64_t>() == size;
    } else {
      right = right && cursor.read<std::uint32_t>() == size;
    }
  }
  if (right) return {};
  return broken(record, "the data descriptor contradicts the central directory", data_end);
}

// Checks the record that must fill the file from its header_offset to `stop`, where another record
// begins, or else the directory.
Result<void> locate(ReadWindow& window, Record& record, std::uint64_t stop,
                    std::uint64_t directory_offset) {
  const std::uint64_t start = record.header_offset;
  const auto out_of_room = [&](std::uint64_t lead) {
    const std::uint64_t room = directory_offset - start;
    const bool overlaps = lead < room && record.stored_bytes <= room - lead;
    return Error(overlaps ? ErrorKind::kContainer : ErrorKind::kBounds, Stage::kContainer,
                 concat("the record declares ", record.stored_bytes,
                        " bytes of data, which reach past byte ", stop, ", where ",
                        stop == directory_offset ? "the directory" : "another record", " begins"))
        .in_record(record.name)
        .at(start);
  };
  if (stop - start < kLocalBytes) return out_of_room(kLocalBytes);
  HARDLOAD_ASSIGN(const auto header_bytes, window.at(start, kLocalBytes));
  const auto local = parse_local(header_bytes);
  if (!local) return broken(record, "there is no local header where the directory says", start);

  const std::uint64_t lead = kLocalBytes + std::uint64_t{local->name_bytes} + local->extra_bytes;
  if (lead > stop - start || record.stored_bytes > stop - start - lead) return out_of_room(lead);
  HARDLOAD_ASSIGN(const auto rest, window.at(start + kLocalBytes, lead - kLocalBytes));
  HARDLOAD_TRY(compare(record, *local, rest));
  record.data_offset = start + lead;
  return check_gap(window, record, stop - record.data_offset - record.stored_bytes);
}

}  // namespace

Result<void> locate_records(const ByteSource& source, std::span<Record> records,
                            std::uint64_t directory_offset) {
  // Usually the directory lists records as they lie in the file; it need not.
  std::vector<std::uint32_t> order(records.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) {
    return records[a].header_offset < records[b].header_offset;
  };
  if (!std::is_sorted(order.begin(), order.end(), earlier)) {
    std::sort(order.begin(), order.end(), earlier);
  }

  if (!order.empty() && records[order.back()].header_offset >= directory_offset) {
    const Record& record = records[order.back()];
    return Error(ErrorKind::kBounds, Stage::kContainer,
                 "the record's local header would lie outside of the records' part of the file")
        .in_record(record.name)
        .at(record.header_offset);
  }
  const std::uint64_t first = order.empty() ? directory_offset : records[order[0]].header_offset;
  if (first != 0) {
    return Error(ErrorKind::kContainer, Stage::kContainer,
                 concat(first, " bytes stand in front of the first record"))
        .at(0);
  }
  ReadWindow window(source);
  for (std::size_t i = 0; i < order.size(); ++i) {
    Record& record = records[order[i]];
    const std::uint64_t stop =
        i + 1 < order.size() ? records[order[i + 1]].header_offset : directory_offset;
    if (stop == record.header_offset) {
      return broken(record, "two records share one local header", stop);
    }
    HARDLOAD_TRY(locate(window, record, stop, directory_offset));
  }
  return {};
}

}  // namespace hardload::zip
