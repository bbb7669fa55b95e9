// ReadPlan: in which pieces the bytes of many ranges are read.
//
// Large ranges are cut, so that several threads work on one; small ones that lie close to each
// other are read together, so that a hundred thousand of them are not as many system calls, and, to
// a device, not as many copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "loader/container/record.h"
#include "loader/transfer/staging_ring.h"

namespace hardload {

// Bytes of the file, and where they are wanted.
struct FileRange {
  std::uint64_t offset;  // in the file
  std::uint64_t bytes;
  std::byte* destination;  // nullptr: they are only looked at
  // The stored record that consists of just these bytes, if its CRC-32 is to be compared.
  const Record* record = nullptr;
  // The ring of the device whose memory `destination` is, all of a storage's (DeviceCopies::kUnit);
  // nullptr: it is the host's.
  StagingRing* ring = nullptr;
  // Bytes to a group whose order is reversed at the destination, which begins with a whole group.
  std::size_t swap_unit = 1;
};

class ReadPlan {
 public:
  // What one thread reads in one go: parts of ranges, in the order of the file. Of those to a
  // device the destinations follow each other, in units of DeviceCopies::kUnit, and fill a slot at
  // most.
  struct Piece {
    std::uint64_t offset, bytes;  // in the file, from the first part to the end of the last
    std::uint32_t first_part, parts;
  };
  struct Part {
    std::uint32_t range;
    std::uint64_t begin, bytes;  // in the range
  };

  explicit ReadPlan(std::span<const FileRange> ranges);

  std::span<const Piece> pieces() const { return pieces_; }
  // All parts; those of one range follow each other.
  std::span<const Part> parts() const { return parts_; }

 private:
  std::vector<Piece> pieces_;
  std::vector<Part> parts_;
};

}  // namespace hardload
