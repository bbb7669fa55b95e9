// zip_format: the fixed structures of a zip file, as bytes.
//
// Layouts from PKWARE's APPNOTE.TXT 6.3.9: 4.3.7 local header, 4.3.9 data descriptor, 4.3.12
// central header, 4.3.14 zip64 end record, 4.3.15 locator, 4.3.16 end record, 4.5.3 zip64 extra.
// Parsing here is of form only; what the numbers mean is checked by who asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hardload::zip {

inline constexpr std::uint32_t kLocalSignature = 0x04034b50;
inline constexpr std::uint32_t kDescriptorSignature = 0x08074b50;
inline constexpr std::uint32_t kCentralSignature = 0x02014b50;
inline constexpr std::uint32_t kEnd64Signature = 0x06064b50;
inline constexpr std::uint32_t kLocatorSignature = 0x07064b50;
inline constexpr std::uint32_t kEndSignature = 0x06054b50;

inline constexpr std::size_t kLocalBytes = 30;
inline constexpr std::size_t kCentralBytes = 46;
inline constexpr std::size_t kEndBytes = 22;
inline constexpr std::size_t kLocatorBytes = 20;
inline constexpr std::size_t kEnd64Bytes = 56;      // without its extensible data
inline constexpr std::size_t kEnd64LeadBytes = 12;  // not counted by its own size field
inline constexpr std::size_t kMaxCommentBytes = 0xFFFF;

inline constexpr std::uint16_t kFlagEncrypted = 0x0001;
inline constexpr std::uint16_t kFlagDeflateOptions = 0x0006;
inline constexpr std::uint16_t kFlagDescriptor = 0x0008;  // sizes and CRC follow the data
inline constexpr std::uint16_t kFlagUtf8 = 0x0800;

inline constexpr std::uint16_t kMethodStored = 0;
inline constexpr std::uint16_t kMethodDeflated = 8;

inline constexpr std::uint16_t kExtraZip64 = 0x0001;
inline constexpr std::uint16_t kExtraUnicodePath = 0x7075;

// A field of this value stands in the zip64 structure instead.
inline constexpr std::uint16_t kElsewhere16 = 0xFFFF;
inline constexpr std::uint32_t kElsewhere32 = 0xFFFFFFFF;

struct LocalHeader {
  std::uint16_t flags, method;
  std::uint32_t crc32, stored_bytes, bytes;
  std::uint16_t name_bytes, extra_bytes;
};

struct CentralHeader {
  std::uint16_t made_by, flags, method;
  std::uint32_t crc32, stored_bytes, bytes;
  std::uint16_t name_bytes, extra_bytes, comment_bytes, disk;
  std::uint32_t external_attributes, header_offset;
};

struct EndRecord {
  std::uint16_t disk, directory_disk, disk_records, records;
  std::uint32_t directory_bytes, directory_offset;
  std::uint16_t comment_bytes;
};

struct End64Locator {
  std::uint32_t disk;
  std::uint64_t end64_offset;
  std::uint32_t disks;
};

struct End64Record {
  std::uint64_t own_bytes;  // without the first 12
  std::uint32_t disk, directory_disk;
  std::uint64_t disk_records, records, directory_bytes, directory_offset;
};

// Each reads its structure from the start of `bytes`; nullopt where the signature differs or too
// few bytes are there.
std::optional<LocalHeader> parse_local(std::span<const std::byte> bytes);
std::optional<CentralHeader> parse_central(std::span<const std::byte> bytes);
std::optional<EndRecord> parse_end(std::span<const std::byte> bytes);
std::optional<End64Locator> parse_locator(std::span<const std::byte> bytes);
std::optional<End64Record> parse_end64(std::span<const std::byte> bytes);

}  // namespace hardload::zip
