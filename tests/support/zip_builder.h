// ZipBuilder: zip files for tests, right as torch.save writes them or wrong in one chosen place.
//
//   std::string bytes = ZipBuilder()
//       .add("model/data.pkl", pickle)
//       .add("model/data/0", data, {.central = [](CentralFields& f) { f.crc32 ^= 1; }})
//       .build();
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hardload::testing {

// Every field of the structures, as it will be written.
struct LocalFields {
  std::uint32_t signature = 0x04034b50;
  std::uint16_t version = 0, flags = 0x0808, method = 0, time = 0, date = 0;
  std::uint32_t crc32 = 0, stored_bytes = 0, bytes = 0;
  std::string name, extra;
};
struct DescriptorFields {
  bool present = true;
  bool wide = false;                     // 64-bit sizes
  std::uint32_t signature = 0x08074b50;  // 0: left out
  std::uint32_t crc32 = 0;
  std::uint64_t stored_bytes = 0, bytes = 0;
};
struct CentralFields {
  std::uint32_t signature = 0x02014b50;
  std::uint16_t made_by = 0, version = 0, flags = 0x0808, method = 0, time = 0, date = 0;
  std::uint32_t crc32 = 0, stored_bytes = 0, bytes = 0;
  std::string name, extra, comment;
  std::uint16_t disk = 0, internal_attributes = 0;
  std::uint32_t external_attributes = 0, header_offset = 0;
};
struct EndFields {
  bool zip64 = true;  // the zip64 end record and its locator
  struct {
    std::uint32_t signature = 0x06064b50;
    std::uint64_t own_bytes = 44;
    std::uint16_t made_by = 0x031e, version = 0x2d;
    std::uint32_t disk = 0, directory_disk = 0;
    std::uint64_t disk_records = 0, records = 0, directory_bytes = 0, directory_offset = 0;
  } end64;
  struct {
    std::uint32_t signature = 0x07064b50, disk = 0;
    std::uint64_t end64_offset = 0;
    std::uint32_t disks = 1;
  } locator;
  std::uint32_t signature = 0x06054b50;
  std::uint16_t disk = 0, directory_disk = 0, disk_records = 0, records = 0;
  std::uint32_t directory_bytes = 0, directory_offset = 0;
  std::string comment;
};

struct RecordTweaks {
  bool deflate = false;
  bool listed = true;       // in the central directory
  std::string before = {};  // bytes in front of the local header
  std::string stored = {};  // the bytes to store, instead of the (deflated) content
  // Called with the right values, to change them.
  std::function<void(LocalFields&)> local = {};
  std::function<void(DescriptorFields&)> descriptor = {};
  std::function<void(CentralFields&)> central = {};
};

class ZipBuilder {
 public:
  // Alignment of each record's data, made with an "FB" extra field as torch does; 0: none.
  explicit ZipBuilder(std::size_t alignment = 64) : alignment_(alignment) {}

  ZipBuilder& add(std::string name, std::string content, RecordTweaks tweaks = {});

  // `before_directory` and `after_directory` stand between the parts.
  std::string build(const std::function<void(EndFields&)>& tweak_end = {},
                    std::string_view before_directory = {}, std::string_view after_directory = {});

 private:
  std::size_t alignment_;
  std::string records_;
  std::vector<CentralFields> entries_;
};

// A raw deflate stream.
std::string deflated(std::string_view content);

}  // namespace hardload::testing
