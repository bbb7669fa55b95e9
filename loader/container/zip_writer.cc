#include "loader/container/zip_writer.h"

#include <algorithm>
#include <concepts>
#include <functional>
#include <utility>

#include "loader/base/text.h"
#include "loader/container/crc32.h"
#include "loader/container/record_name.h"
#include "loader/container/serialization_id.h"
#include "loader/container/zip_format.h"

namespace hardload {
namespace {

// Large enough to be fast, small enough to be in the cache when it is written after its CRC.
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kMaxNameBytes = 0xFFFF;

// An empty record has no descriptor.
std::uint16_t flags(std::uint64_t bytes) {
  return bytes == 0 ? zip::kFlagUtf8 : zip::kFlagUtf8 | zip::kFlagDescriptor;
}

// Appends little-endian fields.
class Fields {
 public:
  explicit Fields(std::string& out) : out_(out) {}
  Fields& u16(std::uint64_t value) { return append(value, 2); }
  Fields& u32(std::uint64_t value) { return append(value, 4); }
  Fields& u64(std::uint64_t value) { return append(value, 8); }
  // The field, or what says that it stands elsewhere.
  Fields& capped16(std::uint64_t value) {
    return u16(std::min<std::uint64_t>(value, zip::kElsewhere16));
  }
  Fields& capped32(std::uint64_t value) {
    return u32(std::min<std::uint64_t>(value, zip::kElsewhere32));
  }
  Fields& text(std::string_view text) {
    out_ += text;
    return *this;
  }

 private:
  Fields& append(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string& out_;
};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The extra field for what does not fit into 32 bits; empty where all does. A local header is
// written before the stored size counts as known, and says 0.
std::string zip64_extra(std::uint64_t bytes, std::uint64_t stored_bytes, std::uint64_t offset) {
  std::string values;
  Fields fields(values);
  if (bytes >= zip::kElsewhere32) fields.u64(bytes).u64(stored_bytes);
  if (offset >= zip::kElsewhere32) fields.u64(offset);
  if (values.empty()) return values;
  std::string extra;
  Fields(extra).u16(zip::kExtraZip64).u16(values.size()).text(values);
  return extra;
}

// The extra field that brings the data to a multiple of `alignment`; `start`: where it would begin.
std::string padding(std::uint64_t start, std::uint64_t alignment) {
  constexpr std::uint64_t kLead = 4;  // id and size
  const std::uint64_t past = (start + kLead) % alignment;
  const std::uint64_t fill = past == 0 ? 0 : alignment - past;
  std::string extra = "FB";
  Fields(extra).u16(fill).text(std::string(fill, 'Z'));
  return extra;
}

Error misused(std::string problem) {
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem));
}

std::string twenty_digits(std::uint64_t value) {
  std::string digits = std::to_string(value);
  return digits.insert(0, 20 - digits.size(), '0');
}

}  // namespace

// inline_container.cc, basename. Where the path holds other characters, Python opens the file
// itself (torch/serialization.py, _open_zipfile_writer_file), and the archive has no name.
std::string archive_folder(std::string_view path) {
  const std::string fallback = "archive";
  for (const char c : path) {
    if (static_cast<unsigned char>(c) >= 0x80) return fallback;
  }
  const auto slash = path.find_last_of("/\\");
  std::string_view name = path.substr(slash == path.npos ? 0 : slash + 1);
  name = name.substr(0, name.rfind('.'));
  // Torch would write "./data.pkl" for "..pt".
  return check_record_name(name, kMaxNameBytes, 0).ok() ? std::string(name) : fallback;
}

bool ZipWriter::is_alignment(std::uint64_t alignment) {
  return alignment >= kMinAlignment && alignment <= kMaxAlignment &&
         (alignment & (alignment - 1)) == 0;
}

Result<void> ZipWriter::emit(std::string_view bytes) {
  HARDLOAD_TRY(sink_.write(bytes_of(bytes)));
  position_ += bytes.size();
  return {};
}

Result<void> ZipWriter::begin(std::string_view name, std::uint64_t bytes) {
  if (is_open_) return misused("a record begins inside another one");
  if (!names_.emplace(name).second) {
    return Error(ErrorKind::kName, Stage::kContainer, "the archive has this record already")
        .in_record(name);
  }
  current_ = {concat(prefix_, name), position_, bytes, bytes, 0};
  HARDLOAD_TRY(check_record_name(current_.name, kMaxNameBytes, position_));
  const std::string zip64 = zip64_extra(bytes, 0, position_);
  const std::string fill =
      padding(position_ + zip::kLocalBytes + current_.name.size() + zip64.size(), alignment_);
  std::string header;
  Fields(header)
      .u32(zip::kLocalSignature)
      .u16(0)  // version needed
      .u16(flags(bytes))
      .u16(zip::kMethodStored)
      .u32(0)  // time, date
      .u32(0)  // CRC and sizes follow the data
      .u32(0)
      .u32(0)
      .u16(current_.name.size())
      .u16(zip64.size() + fill.size())
      .text(current_.name)
      .text(zip64)
      .text(fill);
  is_open_ = true;
  return emit(header);
}

Result<void> ZipWriter::write(std::span<const std::byte> bytes) {
  if (!is_open_ || bytes.size() > current_.left) return misused("more is written than announced");
  current_.left -= bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kPiece));
    current_.crc32 = crc32(piece, current_.crc32);
    HARDLOAD_TRY(sink_.write(piece));
    position_ += piece.size();
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

Result<void> ZipWriter::end() {
  if (!is_open_ || current_.left != 0) return misused("less is written than announced");
  is_open_ = false;
  const Current& record = current_;
  const std::string zip64 = zip64_extra(record.bytes, record.bytes, record.offset);
  if (record.bytes != 0) {
    std::string descriptor;
    Fields fields(descriptor);
    fields.u32(zip::kDescriptorSignature).u32(record.crc32);
    if (zip64.empty()) {
      fields.u32(record.bytes).u32(record.bytes);
    } else {
      fields.u64(record.bytes).u64(record.bytes);
    }
    HARDLOAD_TRY(emit(descriptor));
    crc_chain_ = hash_combine(crc_chain_, record.crc32);
  }
  Fields(directory_)
      .u32(zip::kCentralSignature)
      .u16(0)  // made by
      .u16(0)  // version needed
      .u16(flags(record.bytes))
      .u16(zip::kMethodStored)
      .u32(0)  // time, date
      .u32(record.crc32)
      .capped32(record.bytes)
      .capped32(record.bytes)
      .u16(record.name.size())
      .u16(zip64.size())
      .u16(0)  // comment
      .u16(0)  // disk
      .u16(0)  // attributes
      .u32(0)
      .capped32(record.offset)
      .text(record.name)
      .text(zip64);
  ++records_;
  return {};
}

Result<void> ZipWriter::add(std::string_view name, std::span<const std::byte> bytes) {
  HARDLOAD_TRY(begin(name, bytes.size()));
  HARDLOAD_TRY(write(bytes));
  return end();
}

// 20 digits for the names, 20 for the contents; both only inform. Torch hashes the names with
// std::hash in the order of a std::unordered_set, and so do we: with GNU's standard library, which
// LibTorch is built with, the digits are the same.
std::string ZipWriter::serialization_id() const {
  std::uint64_t names = 0;
  for (const std::string& name : names_) {
    names = hash_combine(names, std::hash<std::string>{}(name));
  }
  return twenty_digits(names) + twenty_digits(crc_chain_);
}

Result<void> ZipWriter::finish() {
  HARDLOAD_TRY(add("version", bytes_of("3\n")));
  HARDLOAD_TRY(add(".data/serialization_id", bytes_of(serialization_id())));
  return finish_directory();
}

Result<void> ZipWriter::finish_directory() {
  const std::uint64_t start = position_, size = directory_.size();
  HARDLOAD_TRY(emit(directory_));
  std::string end;
  Fields(end)
      .u32(zip::kEnd64Signature)
      .u64(zip::kEnd64Bytes - zip::kEnd64LeadBytes)
      .u16(0x031E)  // made by: Unix, 3.0
      .u16(0x002D)  // version needed: 4.5
      .u32(0)       // disk, and that of the directory
      .u32(0)
      .u64(records_)
      .u64(records_)
      .u64(size)
      .u64(start)
      .u32(zip::kLocatorSignature)
      .u32(0)
      .u64(start + size)
      .u32(1)  // disks
      .u32(zip::kEndSignature)
      .u16(0)  // disk, and that of the directory
      .u16(0)
      .capped16(records_)
      .capped16(records_)
      .capped32(size)
      .capped32(start)
      .u16(0);  // comment
  return emit(end);
}

}  // namespace hardload
