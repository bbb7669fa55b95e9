#include "tests/support/zip_builder.h"

#include <memory>
#include <utility>

#include <libdeflate.h>

namespace hardload::testing {
namespace {

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

template <typename... T>
void put_all(std::string& out, T... values) {
  (put(out, values), ...);
}

void put_local(std::string& out, const LocalFields& f) {
  put_all(out, f.signature, f.version, f.flags, f.method, f.time, f.date, f.crc32, f.stored_bytes,
          f.bytes, static_cast<std::uint16_t>(f.name.size()),
          static_cast<std::uint16_t>(f.extra.size()));
  out += f.name + f.extra;
}

void put_descriptor(std::string& out, const DescriptorFields& f) {
  if (!f.present) return;
  if (f.signature != 0) put(out, f.signature);
  put(out, f.crc32);
  if (f.wide) {
    put_all(out, f.stored_bytes, f.bytes);
  } else {
    put_all(out, static_cast<std::uint32_t>(f.stored_bytes), static_cast<std::uint32_t>(f.bytes));
  }
}

void put_central(std::string& out, const CentralFields& f) {
  put_all(out, f.signature, f.made_by, f.version, f.flags, f.method, f.time, f.date, f.crc32,
          f.stored_bytes, f.bytes, static_cast<std::uint16_t>(f.name.size()),
          static_cast<std::uint16_t>(f.extra.size()), static_cast<std::uint16_t>(f.comment.size()),
          f.disk, f.internal_attributes, f.external_attributes, f.header_offset);
  out += f.name + f.extra + f.comment;
}

void put_end(std::string& out, const EndFields& f) {
  if (f.zip64) {
    put_all(out, f.end64.signature, f.end64.own_bytes, f.end64.made_by, f.end64.version,
            f.end64.disk, f.end64.directory_disk, f.end64.disk_records, f.end64.records,
            f.end64.directory_bytes, f.end64.directory_offset);
    put_all(out, f.locator.signature, f.locator.disk, f.locator.end64_offset, f.locator.disks);
  }
  put_all(out, f.signature, f.disk, f.directory_disk, f.disk_records, f.records, f.directory_bytes,
          f.directory_offset, static_cast<std::uint16_t>(f.comment.size()));
  out += f.comment;
}

}  // namespace

std::string deflated(std::string_view content) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
  std::string out(libdeflate_deflate_compress_bound(compressor.get(), content.size()), '\0');
  out.resize(libdeflate_deflate_compress(compressor.get(), content.data(), content.size(),
                                         out.data(), out.size()));
  return out;
}

ZipBuilder& ZipBuilder::add(std::string name, std::string content, RecordTweaks tweaks) {
  records_ += tweaks.before;
  const std::string stored = !tweaks.stored.empty() ? tweaks.stored
                             : tweaks.deflate       ? deflated(content)
                                                    : content;
  const std::uint32_t crc = libdeflate_crc32(0, content.data(), content.size());

  CentralFields central;
  central.method = tweaks.deflate ? 8 : 0;
  central.crc32 = crc;
  central.stored_bytes = static_cast<std::uint32_t>(stored.size());
  central.bytes = static_cast<std::uint32_t>(content.size());
  central.name = name;
  central.header_offset = static_cast<std::uint32_t>(records_.size());

  LocalFields local;
  local.method = central.method;
  local.name = name;
  if (alignment_ != 0) {
    const std::size_t start = records_.size() + 30 + name.size() + 4;
    const std::size_t padding = (alignment_ - start % alignment_) % alignment_;
    local.extra = "FB";
    put(local.extra, static_cast<std::uint16_t>(padding));
    local.extra.append(padding, 'Z');
  }
  DescriptorFields descriptor;
  descriptor.present = !content.empty();
  descriptor.crc32 = crc;
  descriptor.stored_bytes = stored.size();
  descriptor.bytes = content.size();

  if (tweaks.local) tweaks.local(local);
  if (tweaks.descriptor) tweaks.descriptor(descriptor);
  if (tweaks.central) tweaks.central(central);
  put_local(records_, local);
  records_ += stored;
  put_descriptor(records_, descriptor);
  if (tweaks.listed) entries_.push_back(std::move(central));
  return *this;
}

std::string ZipBuilder::build(const std::function<void(EndFields&)>& tweak_end,
                              std::string_view before_directory, std::string_view after_directory) {
  std::string out = records_;
  out += before_directory;
  EndFields end;
  end.end64.directory_offset = out.size();
  for (const CentralFields& entry : entries_) put_central(out, entry);
  end.end64.directory_bytes = out.size() - end.end64.directory_offset;
  end.end64.records = end.end64.disk_records = entries_.size();
  out += after_directory;
  end.locator.end64_offset = out.size();
  end.records = end.disk_records = static_cast<std::uint16_t>(entries_.size());
  end.directory_bytes = static_cast<std::uint32_t>(end.end64.directory_bytes);
  end.directory_offset = static_cast<std::uint32_t>(end.end64.directory_offset);
  if (tweak_end) tweak_end(end);
  put_end(out, end);
  return out;
}

}  // namespace hardload::testing
