// parse_safetensors_header: the JSON text that a safetensors file begins with, checked.
//
// The format (safetensors/src/tensor.rs and README.md of the reference, 0.8): eight bytes,
// little-endian, the length of the header; the header, a JSON object; the data. The object has a
// member for each tensor, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, offsets
// counted from the start of the data, and perhaps "__metadata__", an object of texts. Elements lie
// in row-major order, little-endian; the tensors cover the data without gap or overlap.
//
// Where the reference is laxer than this, data/DECISIONS.md says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/container/container.h"
#include "loader/container/record.h"

namespace hardload {

inline constexpr std::uint64_t kSafetensorsLengthBytes = 8;
// Of the header; the reference takes no longer one.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

struct SafetensorsTensor {
  // As torch has them. F4 is two to an element there, so that the last size is half of what the
  // header says. What torch has no type for is data: one dimension of bytes, as uint8.
  Dtype dtype;
  std::uint32_t rank;
  std::uint64_t sizes;  // where its sizes begin in SafetensorsHeader::sizes
};

struct SafetensorsHeader {
  Buffer text;  // names and metadata lie in it
  // A record and a tensor for each member, in the order of the header.
  std::vector<Record> records;
  std::vector<SafetensorsTensor> tensors;
  std::vector<std::int64_t> sizes;
  std::vector<MetadataEntry> metadata;
  NameIndex by_name;  // positions among `records`
};

// Of a header `text`, behind which `data_bytes` bytes follow. Errors: kContainer for text of
// another form, for repeated names and for bytes that belong to no tensor or to two; kUnsupported
// for a dtype that the format does not have; kLayout for sizes that do not fit the bytes; kBounds
// for bytes behind the end of the file; kLimit. Time: linear in the text, if its tensors are in the
// order of their data, as writers put them; else with a sort.
Result<SafetensorsHeader> parse_safetensors_header(Buffer text, std::uint64_t data_bytes,
                                                   const Limits& limits);

}  // namespace hardload
