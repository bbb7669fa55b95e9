// Record: one named run of bytes inside an archive.
#pragma once

#include <cstdint>
#include <string_view>

namespace hardload {

enum class Compression : std::uint8_t { kStored, kDeflated };

struct Record {
  std::string_view name;        // in full, e.g. "model/data/0"; lives as long as the archive
  std::uint64_t header_offset;  // of the local header, bytes from the start of the file
  std::uint64_t data_offset;    // of the first (possibly deflated) byte
  std::uint64_t stored_bytes;   // bytes in the file; equal to `bytes` unless deflated
  std::uint64_t bytes;          // bytes of content
  std::uint32_t crc32;          // of the content, as the archive declares it; 0: maybe not computed
  std::uint16_t flags;          // general purpose flags
  Compression compression;

  // A CRC field of 0 usually means that the writer computed none (torch's
  // set_crc32_options(False)); content whose CRC really is 0 is told apart when it is read.
  bool lacks_crc32() const { return crc32 == 0 && bytes != 0; }
};

}  // namespace hardload
