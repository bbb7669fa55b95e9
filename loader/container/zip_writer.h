// ZipWriter: writes an archive in the form of torch 2.11, record by record.
//
//   ZipWriter zip(file, archive_folder("runs/model.pth"));    // "model"
//   HARDLOAD_TRY(zip.add("data.pkl", pickle));                // a record at once,
//   HARDLOAD_TRY(zip.begin("data/0", bytes));                 // or piece by piece
//   HARDLOAD_TRY(zip.write(piece));
//   HARDLOAD_TRY(zip.end());
//   HARDLOAD_TRY(zip.finish());                               // version, id, directory
//
// The same records give the bytes that torch gives (caffe2/serialize/inline_container.cc and the
// miniz in it): stored, each beginning at a multiple of the alignment (an "FB" extra field fills
// the gap), with sizes and CRC-32 behind the data, which is read once; zip64 where a record or its
// place is over 4 GiB, and a zip64 end record always.
//
// Ownership: borrows the sink. Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "loader/base/result.h"
#include "loader/bytes/byte_sink.h"

namespace hardload {

// The folder of the records in an archive written to `path`: the file's name without its last
// extension, as torch has it; "archive" where that is not plain ASCII or no name to unpack under.
std::string archive_folder(std::string_view path);

class ZipWriter {
 public:
  static constexpr std::uint64_t kMinAlignment = 16;        // of a complex128
  static constexpr std::uint64_t kMaxAlignment = 1u << 15;  // what an extra field can hold
  // Whether `alignment` is a power of two between these.
  static bool is_alignment(std::uint64_t alignment);

  // is_alignment(alignment).
  ZipWriter(ByteSink& sink, std::string folder, std::uint64_t alignment = 64)
      : sink_(sink), prefix_(std::move(folder) + "/"), alignment_(alignment) {}

  // Opens the record `name` of the folder, which will have `bytes` bytes. Errors of all of these:
  // kIo from the sink; kContainer where calls or sizes do not fit together; kName for a name that
  // is too long or was used already.
  Result<void> begin(std::string_view name, std::uint64_t bytes);
  Result<void> write(std::span<const std::byte> bytes);
  Result<void> end();

  // A whole record.
  Result<void> add(std::string_view name, std::span<const std::byte> bytes);

  // Adds the records `version` and `.data/serialization_id` and the directory. The last call.
  Result<void> finish();

 private:
  // The record that is open.
  struct Current {
    std::string name;  // with the folder
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t left = 0;  // still to come
    std::uint32_t crc32 = 0;
  };

  Result<void> emit(std::string_view bytes);
  Result<void> finish_directory();
  std::string serialization_id() const;

  ByteSink& sink_;
  std::string prefix_;  // the folder with its slash
  std::uint64_t alignment_;
  std::uint64_t position_ = 0;  // bytes written
  bool is_open_ = false;        // a record is
  Current current_;
  std::uint64_t records_ = 0;
  std::uint64_t crc_chain_ = 0;
  std::string directory_;
  std::unordered_set<std::string> names_;  // without the folder
};

}  // namespace hardload
