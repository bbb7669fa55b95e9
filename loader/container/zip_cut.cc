#include "loader/container/zip_cut.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/bytes/buffer.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

// Up to and with the first slash; "" where there is none.
std::string_view folder(std::string_view name) { return name.substr(0, name.find('/') + 1); }

// The stored size in a local zip64 field, which holds the other size first (APPNOTE 4.5.3).
std::optional<std::uint64_t> zip64_stored_bytes(std::span<const std::byte> extra) {
  Cursor cursor(extra);
  while (const auto id = cursor.read<std::uint16_t>()) {
    const auto length = cursor.read<std::uint16_t>();
    const auto data = length ? cursor.take(*length) : std::nullopt;
    if (!data) return std::nullopt;
    if (*id != kExtraZip64) continue;
    Cursor field(*data);
    (void)field.read<std::uint64_t>();
    return field.read<std::uint64_t>();
  }
  return std::nullopt;
}

struct Begun {
  std::string name;
  std::uint64_t data_offset;
  std::uint64_t stored_bytes;  // 0 where a descriptor behind the data says so
  bool has_descriptor;
};

class RecordChain {
 public:
  explicit RecordChain(const ByteSource& source) : source_(source) {}

  // Whether a record begins at `offset`; begun() is it.
  bool begins_at(std::uint64_t offset) {
    auto header = read_header(offset);
    if (!header) return false;
    begun_ = std::move(header);
    return true;
  }

  // The last record that began.
  const std::optional<Begun>& begun() const { return begun_; }

  // Where begun() ends, with its descriptor; nullopt where the file stops before.
  std::optional<std::uint64_t> end_of_data() {
    if (!begun_->has_descriptor) {
      const auto end = checked_add(begun_->data_offset, begun_->stored_bytes);
      return end && *end <= source_.size() ? end : std::nullopt;
    }
    const bool may_search = failed_searches_ < kFailedSearches || !is_empty();
    if (const auto end = may_search ? find_descriptor() : std::nullopt) return end;
    ++failed_searches_;
    return is_empty() ? std::optional(begun_->data_offset) : std::nullopt;
  }

 private:
  // Searches that reach the end of the file for nothing; so that many empty records are not
  // quadratic.
  static constexpr int kFailedSearches = 8;

  // Up to `count` bytes at `offset`.
  std::optional<Buffer> read(std::uint64_t offset, std::uint64_t count) const {
    if (offset >= source_.size()) return std::nullopt;
    auto bytes = Buffer::read(source_, offset, std::min(count, source_.size() - offset));
    return bytes.ok() ? std::optional(*std::move(bytes)) : std::nullopt;
  }

  std::optional<Begun> read_header(std::uint64_t offset) const {
    const auto fixed = read(offset, kLocalBytes);
    const auto header = fixed ? parse_local(fixed->bytes()) : std::nullopt;
    if (!header) return std::nullopt;
    const auto rest =
        read(offset + kLocalBytes, std::uint64_t{header->name_bytes} + header->extra_bytes);
    if (!rest || rest->size() < header->name_bytes) return std::nullopt;
    const std::string_view name = rest->text().substr(0, header->name_bytes);
    if (!is_utf8(name, /*allow_surrogates=*/false)) return std::nullopt;
    Begun begun{std::string(name), offset + kLocalBytes + header->name_bytes + header->extra_bytes,
                header->stored_bytes, (header->flags & kFlagDescriptor) != 0};
    if (header->stored_bytes == kElsewhere32) {
      const auto extra = rest->bytes().subspan(header->name_bytes);
      begun.stored_bytes = zip64_stored_bytes(extra).value_or(source_.size());
    }
    return begun;
  }

  // A flag announces a descriptor, but empty records of torch have none: the next record, or the
  // directory, begins at once. A record of another folder is a tensor's data.
  bool is_empty() const {
    if (const auto next = read_header(begun_->data_offset)) {
      return folder(next->name) == folder(begun_->name);
    }
    const auto bytes = read(begun_->data_offset, sizeof kCentralSignature);
    return bytes && Cursor(bytes->bytes()).read<std::uint32_t>() == kCentralSignature;
  }

  // The end of the data descriptor of begun_: the first that declares as many bytes as lie in front
  // of it. Archives inside of tensors have descriptors, too, but of other sizes.
  std::optional<std::uint64_t> find_descriptor() {
    constexpr std::uint64_t kLongest = 24;
    constexpr std::string_view kSignature("PK\x07\x08", 4);
    std::uint64_t block_bytes = 4 << 10;  // more and more, as most records are small
    for (std::uint64_t start = begun_->data_offset; start < source_.size();) {
      const auto block = read(start, block_bytes + kLongest);
      if (!block) return std::nullopt;
      for (auto at = block->text().find(kSignature); at < block_bytes;
           at = block->text().find(kSignature, at + 1)) {
        const std::uint64_t size = start + at - begun_->data_offset;
        if (const auto length = descriptor_length(block->bytes().subspan(at), size)) {
          return start + at + *length;
        }
      }
      start += block_bytes;
      block_bytes = std::min<std::uint64_t>(2 * block_bytes, 1 << 20);
    }
    return std::nullopt;
  }

  // 16 or 24 where `bytes` begin with a descriptor of a record of which `size` bytes are stored.
  static std::optional<std::uint64_t> descriptor_length(std::span<const std::byte> bytes,
                                                        std::uint64_t size) {
    Cursor narrow(bytes), wide(bytes);
    (void)narrow.take(8);
    (void)wide.take(8);
    // Of sizes below 4 GiB, the narrow form looks like the wide one where the other size is 0,
    // which only an empty record's is.
    if (size != 0 && wide.read<std::uint64_t>() == size) {
      return wide.read<std::uint64_t>() ? std::optional(24) : std::nullopt;
    }
    if (narrow.read<std::uint32_t>() == size && narrow.read<std::uint32_t>()) return 16;
    return std::nullopt;
  }

  const ByteSource& source_;
  int failed_searches_ = 0;
  std::optional<Begun> begun_;
};

}  // namespace

Error explain_cut(const ByteSource& source) {
  RecordChain chain(source);
  std::uint64_t offset = 0;
  bool is_whole = false;  // the record that begun last
  while (chain.begins_at(offset)) {
    const auto end = chain.end_of_data();
    is_whole = end.has_value();
    if (!end) break;
    offset = *end;
  }

  std::string problem =
      concat("the zip file is cut short: it has ", source.size(), " bytes and no end record");
  std::string_view record;
  const auto& begun = chain.begun();
  if (begun && !is_whole && source.size() > begun->data_offset) {
    record = begun->name;
    append(problem, "; it stops after ", source.size() - begun->data_offset,
           " bytes of this record");
  } else if (begun && !is_whole) {
    record = begun->name;
    append(problem, "; it stops before the first byte of this record");
  } else if (begun) {
    append(problem, "; it stops behind the record '", begun->name, "', which is whole");
  }
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem))
      .in_record(record)
      .at(source.size())
      .advise("The download or copy stopped early: fetch the file again and compare its size.");
}

}  // namespace hardload::zip
