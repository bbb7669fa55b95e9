#include "loader/container/zip_format.h"

#include "loader/base/cursor.h"

namespace hardload::zip {
namespace {

// Reads fields one after the other; the length of the whole was checked before.
class Fields {
 public:
  static std::optional<Fields> after(std::uint32_t signature, std::size_t bytes,
                                     std::span<const std::byte> from) {
    if (from.size() < bytes) return std::nullopt;
    Fields fields(from.first(bytes));
    if (fields.u32() != signature) return std::nullopt;
    return fields;
  }

  std::uint16_t u16() { return *cursor_.read<std::uint16_t>(); }
  std::uint32_t u32() { return *cursor_.read<std::uint32_t>(); }
  std::uint64_t u64() { return *cursor_.read<std::uint64_t>(); }
  void skip(std::size_t bytes) { (void)cursor_.take(bytes); }

 private:
  explicit Fields(std::span<const std::byte> bytes) : cursor_(bytes) {}
  Cursor cursor_;
};

}  // namespace

// Braced initialisers evaluate from left to right, so each list below reads in the file's order.

std::optional<LocalHeader> parse_local(std::span<const std::byte> bytes) {
  auto f = Fields::after(kLocalSignature, kLocalBytes, bytes);
  if (!f) return std::nullopt;
  LocalHeader h{};
  f->skip(2);  // version needed
  h.flags = f->u16();
  h.method = f->u16();
  f->skip(4);  // time, date
  h.crc32 = f->u32();
  h.stored_bytes = f->u32();
  h.bytes = f->u32();
  h.name_bytes = f->u16();
  h.extra_bytes = f->u16();
  return h;
}

std::optional<CentralHeader> parse_central(std::span<const std::byte> bytes) {
  auto f = Fields::after(kCentralSignature, kCentralBytes, bytes);
  if (!f) return std::nullopt;
  CentralHeader h{};
  h.made_by = f->u16();
  f->skip(2);  // version needed
  h.flags = f->u16();
  h.method = f->u16();
  f->skip(4);  // time, date
  h.crc32 = f->u32();
  h.stored_bytes = f->u32();
  h.bytes = f->u32();
  h.name_bytes = f->u16();
  h.extra_bytes = f->u16();
  h.comment_bytes = f->u16();
  h.disk = f->u16();
  f->skip(2);  // internal attributes
  h.external_attributes = f->u32();
  h.header_offset = f->u32();
  return h;
}

std::optional<EndRecord> parse_end(std::span<const std::byte> bytes) {
  auto f = Fields::after(kEndSignature, kEndBytes, bytes);
  if (!f) return std::nullopt;
  return EndRecord{f->u16(), f->u16(), f->u16(), f->u16(), f->u32(), f->u32(), f->u16()};
}

std::optional<End64Locator> parse_locator(std::span<const std::byte> bytes) {
  auto f = Fields::after(kLocatorSignature, kLocatorBytes, bytes);
  if (!f) return std::nullopt;
  return End64Locator{f->u32(), f->u64(), f->u32()};
}

std::optional<End64Record> parse_end64(std::span<const std::byte> bytes) {
  auto f = Fields::after(kEnd64Signature, kEnd64Bytes, bytes);
  if (!f) return std::nullopt;
  End64Record h{};
  h.own_bytes = f->u64();
  f->skip(4);  // version made by, version needed
  h.disk = f->u32();
  h.directory_disk = f->u32();
  h.disk_records = f->u64();
  h.records = f->u64();
  h.directory_bytes = f->u64();
  h.directory_offset = f->u64();
  return h;
}

}  // namespace hardload::zip
