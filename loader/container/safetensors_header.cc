#include "loader/container/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/hash.h"
#include "loader/base/text.h"
#include "loader/container/json_cursor.h"

namespace hardload {
namespace {

// The dtypes of the format, and what torch calls them. Those of less than a byte per element are
// packed; F6 is none of torch's.
struct SafetensorsDtype {
  std::string_view name;
  std::uint32_t bits;
  Dtype dtype;
};
constexpr SafetensorsDtype kDtypes[] = {
    {"F32", 32, Dtype::kFloat32},
    {"BF16", 16, Dtype::kBFloat16},
    {"F16", 16, Dtype::kFloat16},
    {"F64", 64, Dtype::kFloat64},
    {"BOOL", 8, Dtype::kBool},
    {"U8", 8, Dtype::kUInt8},
    {"I8", 8, Dtype::kInt8},
    {"I16", 16, Dtype::kInt16},
    {"U16", 16, Dtype::kUInt16},
    {"I32", 32, Dtype::kInt32},
    {"U32", 32, Dtype::kUInt32},
    {"I64", 64, Dtype::kInt64},
    {"U64", 64, Dtype::kUInt64},
    {"C64", 64, Dtype::kComplex64},
    {"F8_E4M3", 8, Dtype::kFloat8E4M3FN},
    {"F8_E5M2", 8, Dtype::kFloat8E5M2},
    {"F8_E8M0", 8, Dtype::kFloat8E8M0FNU},
    {"F8_E4M3FNUZ", 8, Dtype::kFloat8E4M3FNUZ},
    {"F8_E5M2FNUZ", 8, Dtype::kFloat8E5M2FNUZ},
    {"F4", 4, Dtype::kFloat4E2M1FNX2},
    {"F6_E2M3", 6, Dtype::kUInt8},
    {"F6_E3M2", 6, Dtype::kUInt8},
};

// What one member of the header says, as it stands there.
struct Entry {
  const SafetensorsDtype* dtype = nullptr;
  std::optional<std::uint64_t> sizes;  // where they begin
  std::optional<std::pair<std::uint64_t, std::uint64_t>> offsets;
};

class HeaderParser {
 public:
  HeaderParser(SafetensorsHeader& header, std::uint64_t data_bytes, const Limits& limits)
      : header_(header),
        json_({reinterpret_cast<char*>(header.text.bytes().data()), header.text.size()},
              kSafetensorsLengthBytes),
        data_bytes_(data_bytes),
        limits_(limits) {}

  Result<void> parse() {
    HARDLOAD_TRY(json_.enter_object());
    for (;;) {
      HARDLOAD_ASSIGN(const auto name, json_.next_key());
      if (!name) break;
      if (*name == "__metadata__") {
        HARDLOAD_TRY(parse_metadata());
      } else {
        HARDLOAD_TRY(parse_tensor(*name));
      }
    }
    HARDLOAD_TRY(json_.finish());
    return check_coverage();
  }

 private:
  Result<void> parse_metadata();
  Result<void> parse_tensor(std::string_view name);
  Result<Entry> parse_entry();
  Result<const SafetensorsDtype*> parse_dtype();
  Result<std::uint64_t> parse_shape();
  Result<std::pair<std::uint64_t, std::uint64_t>> parse_offsets();
  Result<void> check_size(const Entry& entry) const;
  void add_tensor(const Entry& entry, std::uint64_t bytes);
  Result<void> check_coverage() const;

  Error wrong(ErrorKind kind, std::string problem) const {
    return wrong(kind, std::move(problem), name_);
  }
  Error wrong(ErrorKind kind, std::string problem, std::string_view name) const {
    return Error(kind, Stage::kContainer, std::move(problem))
        .at(json_.position())
        .in_record(name.substr(0, 500));
  }
  std::span<const std::int64_t> sizes_from(std::uint64_t begin) const {
    return std::span(header_.sizes).subspan(begin);
  }

  SafetensorsHeader& header_;
  JsonCursor json_;
  const std::uint64_t data_bytes_;
  const Limits& limits_;
  std::string_view name_;  // of the tensor that is being read; else empty
  bool has_metadata_ = false;
};

Result<void> HeaderParser::parse_metadata() {
  if (std::exchange(has_metadata_, true)) {
    return wrong(ErrorKind::kContainer, "the header has __metadata__ twice");
  }
  NameIndex keys;
  HARDLOAD_TRY(json_.enter_object());
  for (;;) {
    HARDLOAD_ASSIGN(const auto key, json_.next_key());
    if (!key) return {};
    const auto is_same = [&](std::uint32_t i) { return header_.metadata[i].key == *key; };
    const auto position = static_cast<std::uint32_t>(header_.metadata.size());
    if (keys.insert(seeded_hash(*key), position, is_same)) {
      return wrong(ErrorKind::kContainer,
                   concat("__metadata__ has the key '", key->substr(0, 500), "' twice"));
    }
    if (position >= limits_.max_records) {
      return wrong(ErrorKind::kLimit,
                   concat("__metadata__ has more texts than max_records, ", limits_.max_records));
    }
    HARDLOAD_ASSIGN(const std::string_view value, json_.string());
    header_.metadata.push_back({*key, value});
  }
}

Result<void> HeaderParser::parse_tensor(std::string_view name) {
  name_ = name;
  if (header_.records.size() >= limits_.max_records) {
    return wrong(ErrorKind::kLimit,
                 concat("the header has more tensors than max_records, ", limits_.max_records));
  }
  const auto is_same = [&](std::uint32_t i) { return header_.records[i].name == name; };
  const auto position = static_cast<std::uint32_t>(header_.records.size());
  if (header_.by_name.insert(seeded_hash(name), position, is_same)) {
    return wrong(ErrorKind::kContainer, "the header has this tensor twice");
  }
  HARDLOAD_ASSIGN(const Entry entry, parse_entry());
  HARDLOAD_TRY(check_size(entry));
  const std::uint64_t begin = kSafetensorsLengthBytes + header_.text.size() + entry.offsets->first;
  const std::uint64_t bytes = entry.offsets->second - entry.offsets->first;
  header_.records.push_back({.name = name,
                             .header_offset = begin,
                             .data_offset = begin,
                             .stored_bytes = bytes,
                             .bytes = bytes,
                             .crc32 = 0,
                             .flags = 0,
                             .compression = Compression::kStored});
  add_tensor(entry, bytes);
  name_ = {};
  return {};
}

Result<Entry> HeaderParser::parse_entry() {
  Entry entry;
  HARDLOAD_TRY(json_.enter_object());
  for (;;) {
    HARDLOAD_ASSIGN(const auto field, json_.next_key());
    if (!field) break;
    if (*field == "dtype" && entry.dtype == nullptr) {
      HARDLOAD_ASSIGN(entry.dtype, parse_dtype());
    } else if (*field == "shape" && !entry.sizes) {
      HARDLOAD_ASSIGN(entry.sizes, parse_shape());
    } else if (*field == "data_offsets" && !entry.offsets) {
      HARDLOAD_ASSIGN(entry.offsets, parse_offsets());
    } else {
      return wrong(ErrorKind::kContainer,
                   concat("the tensor has the field '", field->substr(0, 100),
                          "', which is repeated or none of the format"));
    }
  }
  if (entry.dtype == nullptr || !entry.sizes || !entry.offsets) {
    return wrong(ErrorKind::kContainer, "the tensor has no dtype, no shape or no data_offsets");
  }
  return entry;
}

Result<const SafetensorsDtype*> HeaderParser::parse_dtype() {
  HARDLOAD_ASSIGN(const std::string_view name, json_.string());
  for (const SafetensorsDtype& dtype : kDtypes) {
    if (dtype.name == name) return &dtype;
  }
  return wrong(ErrorKind::kUnsupported,
               concat("the format has no dtype '", name.substr(0, 100), "'"));
}

Result<std::uint64_t> HeaderParser::parse_shape() {
  const std::size_t begin = header_.sizes.size();
  HARDLOAD_TRY(json_.enter_array());
  for (;;) {
    HARDLOAD_ASSIGN(const bool is_there, json_.next_item());
    if (!is_there) break;
    HARDLOAD_ASSIGN(const std::uint64_t size, json_.number());
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return wrong(ErrorKind::kLayout, concat("a size is ", size, ", which has over 63 bits"));
    }
    if (header_.sizes.size() - begin == limits_.max_rank) {
      return wrong(ErrorKind::kLimit,
                   concat("a tensor has more dimensions than max_rank, ", limits_.max_rank));
    }
    header_.sizes.push_back(static_cast<std::int64_t>(size));
  }
  return begin;
}

Result<std::pair<std::uint64_t, std::uint64_t>> HeaderParser::parse_offsets() {
  std::uint64_t values[2] = {};
  HARDLOAD_TRY(json_.enter_array());
  for (std::uint64_t& value : values) {
    HARDLOAD_ASSIGN(const bool is_there, json_.next_item());
    if (!is_there) return wrong(ErrorKind::kContainer, "data_offsets has less than two numbers");
    HARDLOAD_ASSIGN(value, json_.number());
  }
  HARDLOAD_ASSIGN(const bool has_more, json_.next_item());
  if (has_more) return wrong(ErrorKind::kContainer, "data_offsets has more than two numbers");
  if (values[0] > values[1]) {
    return wrong(ErrorKind::kBounds, concat("the data ends at byte ", values[1],
                                            ", in front of its start, byte ", values[0]));
  }
  if (values[1] > data_bytes_) {
    return wrong(ErrorKind::kBounds, concat("the data ends at byte ", values[1], " of ",
                                            data_bytes_, " that follow the header"))
        .advise("The file was cut short, perhaps by a download: fetch it again.");
  }
  return std::pair(values[0], values[1]);
}

// That the elements take the bytes which the header gives them, all of them. The product of the
// sizes may not wrap even where one is 0: strides are products, too.
Result<void> HeaderParser::check_size(const Entry& entry) const {
  std::optional<std::uint64_t> count = 1, span = 1;
  for (const std::int64_t size : sizes_from(*entry.sizes)) {
    const auto unsigned_size = static_cast<std::uint64_t>(size);
    if (count) count = checked_mul(*count, unsigned_size);
    if (span) span = checked_mul(*span, std::max<std::uint64_t>(unsigned_size, 1));
  }
  if (span) span = checked_mul(*span, std::uint64_t{64});
  if (!count || !span) {
    return wrong(ErrorKind::kLayout, "the product of the sizes overflows");
  }
  const std::uint64_t bits = *count * entry.dtype->bits;
  const std::uint64_t bytes = entry.offsets->second - entry.offsets->first;
  if (bits % 8 != 0) {
    return wrong(ErrorKind::kLayout, concat("the elements take ", bits, " bits, no whole bytes"));
  }
  if (bits / 8 == bytes) return {};
  return wrong(ErrorKind::kLayout, concat("the elements take ", bits / 8,
                                          " bytes, but data_offsets gives them ", bytes));
}

// The tensor as torch would have it, with its sizes in the place of those of the header.
void HeaderParser::add_tensor(const Entry& entry, std::uint64_t bytes) {
  SafetensorsTensor tensor{entry.dtype->dtype, 0, *entry.sizes};
  std::vector<std::int64_t>& sizes = header_.sizes;
  const bool is_below_a_byte = entry.dtype->bits < 8;
  const bool has_pairs = sizes.size() > tensor.sizes && sizes.back() % 2 == 0;
  if (tensor.dtype == Dtype::kFloat4E2M1FNX2 && has_pairs) {
    sizes.back() /= 2;
  } else if (is_below_a_byte) {
    tensor.dtype = Dtype::kUInt8;
    sizes.resize(tensor.sizes);
    sizes.push_back(static_cast<std::int64_t>(bytes));
  }
  tensor.rank = static_cast<std::uint32_t>(sizes.size() - tensor.sizes);
  header_.tensors.push_back(tensor);
}

// That each byte of the data belongs to one tensor.
Result<void> HeaderParser::check_coverage() const {
  const std::uint64_t start = kSafetensorsLengthBytes + header_.text.size();
  // Writers put tensors in the order of their data.
  const auto is_before = [](const Record& a, const Record& b) {
    return std::pair(a.data_offset, a.bytes) < std::pair(b.data_offset, b.bytes);
  };
  std::vector<Record> sorted;
  std::span<const Record> records = header_.records;
  if (!std::is_sorted(records.begin(), records.end(), is_before)) {
    sorted = header_.records;
    std::sort(sorted.begin(), sorted.end(), is_before);
    records = sorted;
  }
  std::uint64_t end = start;
  for (const Record& record : records) {
    if (record.data_offset != end) {
      return wrong(ErrorKind::kBounds,
                   concat("the data of one tensor ends at byte ", end - start,
                          ", that of the next begins at byte ", record.data_offset - start,
                          ": there is a gap, or they overlap"),
                   record.name);
    }
    end += record.bytes;
  }
  if (end - start == data_bytes_) return {};
  return wrong(ErrorKind::kBounds, concat("the tensors end at byte ", end - start, " of ",
                                          data_bytes_, " that follow the header"));
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(Buffer text, std::uint64_t data_bytes,
                                                   const Limits& limits) {
  // Of a tensor in the header: at least, and usually. Memory that is not used costs nothing, but an
  // index is filled from the start.
  constexpr std::size_t kLeastBytes = 50, kUsualBytes = 90;
  SafetensorsHeader header;
  header.records.reserve(text.size() / kLeastBytes);
  header.tensors.reserve(text.size() / kLeastBytes);
  header.sizes.reserve(text.size() / kLeastBytes);
  header.by_name = NameIndex(text.size() / kUsualBytes);
  header.text = std::move(text);
  HARDLOAD_TRY(HeaderParser(header, data_bytes, limits).parse());
  return header;
}

}  // namespace hardload
