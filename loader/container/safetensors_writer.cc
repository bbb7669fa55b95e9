#include "loader/container/safetensors_writer.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/container/safetensors_header.h"

namespace hardload {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
};

// In the order of a file: that of the reference's enum, from its end.
constexpr Row kDtypes[] = {
    {Dtype::kUInt64, "U64"},
    {Dtype::kInt64, "I64"},
    {Dtype::kFloat64, "F64"},
    {Dtype::kComplex64, "C64"},
    {Dtype::kFloat32, "F32"},
    {Dtype::kUInt32, "U32"},
    {Dtype::kInt32, "I32"},
    {Dtype::kBFloat16, "BF16"},
    {Dtype::kFloat16, "F16"},
    {Dtype::kUInt16, "U16"},
    {Dtype::kInt16, "I16"},
    {Dtype::kFloat8E5M2FNUZ, "F8_E5M2FNUZ"},
    {Dtype::kFloat8E4M3FNUZ, "F8_E4M3FNUZ"},
    {Dtype::kFloat8E8M0FNU, "F8_E8M0"},
    {Dtype::kFloat8E4M3FN, "F8_E4M3"},
    {Dtype::kFloat8E5M2, "F8_E5M2"},
    {Dtype::kInt8, "I8"},
    {Dtype::kUInt8, "U8"},
    {Dtype::kFloat4E2M1FNX2, "F4"},
    {Dtype::kBool, "BOOL"},
};

const Row* row_of(Dtype dtype) {
  return std::find_if(std::begin(kDtypes), std::end(kDtypes),
                      [&](const Row& row) { return row.dtype == dtype; });
}

Error wrong(ErrorKind kind, std::string_view name, std::string_view problem) {
  return Error(kind, Stage::kContainer, std::string(problem)).in_record(name.substr(0, 500));
}

// serde_json, format_escaped_str.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += "0123456789abcdef"[c >> 4];
          out += "0123456789abcdef"[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

Result<void> check_text(std::string_view text) {
  if (is_utf8(text, /*allow_surrogates=*/false)) return {};
  return wrong(ErrorKind::kUnsupported, text,
               "safetensors holds UTF-8 only, and this text has a lone surrogate or other bytes");
}

Result<void> append_entry(std::string& out, const SafetensorsEntry& entry, std::uint64_t begin) {
  const auto dtype = safetensors_dtype(entry.dtype);
  if (!dtype) {
    return wrong(ErrorKind::kUnsupported, entry.name,
                 concat("safetensors has no dtype for ", to_string(entry.dtype)));
  }
  append_string(out, entry.name);
  append(out, ":{\"dtype\":\"", *dtype, "\",\"shape\":[");
  // F4 counts elements of half a byte, torch pairs of them.
  const bool pairs = entry.dtype == Dtype::kFloat4E2M1FNX2;
  if (pairs && entry.sizes.empty()) {
    return wrong(ErrorKind::kUnsupported, entry.name,
                 "safetensors cannot hold a pair of F4 without dimensions");
  }
  // Strides are products of sizes, which no reader lets wrap, not even where there are no elements.
  std::uint64_t bits = 64;
  for (const std::int64_t size : entry.sizes) {
    if (__builtin_mul_overflow(bits, std::max<std::uint64_t>(static_cast<std::uint64_t>(size), 1),
                               &bits)) {
      return wrong(ErrorKind::kUnsupported, entry.name, "the product of the sizes overflows");
    }
  }
  for (std::size_t i = 0; i < entry.sizes.size(); ++i) {
    const bool doubled = pairs && i + 1 == entry.sizes.size();
    append(out, i == 0 ? "" : ",",
           static_cast<std::uint64_t>(entry.sizes[i]) * (doubled ? 2u : 1u));
  }
  append(out, "],\"data_offsets\":[", begin, ",", begin + entry.bytes, "]}");
  return {};
}

}  // namespace

std::optional<std::string_view> safetensors_dtype(Dtype dtype) {
  const Row* row = row_of(dtype);
  if (row == std::end(kDtypes)) return std::nullopt;
  return row->name;
}

void sort_for_safetensors(std::vector<SafetensorsEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     const Row *left = row_of(a.dtype), *right = row_of(b.dtype);
                     return left != right ? left < right : a.name < b.name;
                   });
}

Result<std::string> safetensors_header(std::span<const MetadataEntry> metadata,
                                       std::span<const SafetensorsEntry> entries) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (std::size_t i = 0; i < metadata.size(); ++i) {
      HARDLOAD_TRY(check_text(metadata[i].key));
      HARDLOAD_TRY(check_text(metadata[i].value));
      if (i != 0) text += ',';
      append_string(text, metadata[i].key);
      text += ':';
      append_string(text, metadata[i].value);
    }
    text += '}';
  }
  std::unordered_set<std::string_view> names;
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : entries) {
    HARDLOAD_TRY(check_text(entry.name));
    if (entry.name == "__metadata__") {
      return wrong(ErrorKind::kUnsupported, entry.name, "no tensor can have this name");
    }
    if (!names.insert(entry.name).second) {
      return wrong(ErrorKind::kKey, entry.name, "two tensors would have this name");
    }
    if (text.size() > 1) text += ',';
    HARDLOAD_TRY(append_entry(text, entry, end));
    end += entry.bytes;
  }
  text += '}';
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxSafetensorsHeader) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("the header would have ", text.size(),
                        " bytes, over the format's limit of ", kMaxSafetensorsHeader))
        .advise("Split the file: --max-shard-size.");
  }
  std::string header;
  for (int i = 0; i < 64; i += 8) {
    header += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> i);
  }
  return header += text;
}

}  // namespace hardload
