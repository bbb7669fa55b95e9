// TarArchive: the members of a tar file, read strictly and never unpacked.
//
// A tar is a row of headers of 512 bytes (POSIX ustar, or GNU's variant of it), each followed by a
// member's content, filled with zeros to a multiple of 512; at the end, two blocks of zeros, and
// more. A pax header (type x) gives fields of the next member in text: Python's tarfile, which
// torch 0.1 used, writes one for every time that is a fraction.
//
//   HARDLOAD_ASSIGN(const TarArchive archive, TarArchive::open(source));
//   const Record* pickle = archive.find("pickle");
//
// Ownership: owns its names. Threads: reading from any number of threads.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/container/record.h"

namespace hardload {

class TarArchive {
 public:
  // The most members; torch 0.1 wrote four. More are an archive of files.
  static constexpr std::size_t kMaxMembers = 16;

  // Reads the headers, and the zeros behind members. Errors: kContainer for headers that contradict
  // themselves, what is not zero where zeros belong, and an end that is missing; kBounds for
  // members that leave the file; kName for names that are unsafe or stand twice; kUnsupported for
  // links, devices, sparse files and whatever else is no plain file, and for too many members.
  static Result<TarArchive> open(const ByteSource& source);

  std::span<const Record> members() const { return members_; }
  // The member of this name, or nullptr.
  const Record* find(std::string_view name) const;

 private:
  std::deque<std::string> names_;
  std::vector<Record> members_;
};

}  // namespace hardload
