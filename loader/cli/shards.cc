#include "loader/cli/shards.h"

#include <charconv>
#include <utility>

#include "loader/base/text.h"
#include "loader/base/utf8.h"

namespace hardload {
namespace {

constexpr std::string_view kExtension = ".safetensors";

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1);
}

std::string five_digits(std::size_t number) {
  std::string digits = std::to_string(number);
  return digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
}

// json.encoder, py_encode_basestring_ascii.
void append_string(std::string& out, std::string_view text) {
  const auto unit = [&](std::uint32_t code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[code >> shift & 15];
  };
  out += '"';
  while (!text.empty()) {
    const auto next = decode_utf8(text);
    const std::uint32_t code =
        next ? next->code : static_cast<std::uint32_t>(static_cast<unsigned char>(text[0]));
    text.remove_prefix(next ? next->length : 1);
    switch (code) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\f': out += "\\f"; break;
      case '\b': out += "\\b"; break;
      default:
        if (code >= ' ' && code <= '~') {
          out += static_cast<char>(code);
        } else if (code < 0x10000) {
          unit(code);
        } else {
          unit(0xD800 + ((code - 0x10000) >> 10));
          unit(0xDC00 + ((code - 0x10000) & 0x3FF));
        }
    }
  }
  out += '"';
}

}  // namespace

std::vector<Shard> split_into_shards(std::span<const FlatTensor> tensors,
                                     std::uint64_t most_bytes) {
  std::vector<Shard> shards;
  Shard current;
  std::uint64_t bytes = 0;
  for (const FlatTensor& tensor : tensors) {
    if (tensor.bytes > most_bytes) {
      shards.push_back({tensor});
      continue;
    }
    if (!current.empty() && bytes + tensor.bytes > most_bytes) {
      shards.push_back(std::exchange(current, {}));
      bytes = 0;
    }
    current.push_back(tensor);
    bytes += tensor.bytes;
  }
  if (!current.empty() || shards.empty()) shards.push_back(std::move(current));
  return shards;
}

std::string shard_path(std::string_view path, std::size_t number, std::size_t count) {
  if (count == 1) return std::string(path);
  const bool has_extension = file_name(path).ends_with(kExtension);
  const std::string_view stem =
      path.substr(0, path.size() - (has_extension ? kExtension.size() : 0));
  return concat(stem, "-", five_digits(number + 1), "-of-", five_digits(count),
                path.substr(stem.size()));
}

std::string shard_index(std::string_view path, std::span<const Shard> shards) {
  std::uint64_t total = 0;
  for (const Shard& shard : shards) {
    for (const FlatTensor& tensor : shard) total += tensor.bytes;
  }
  std::string out =
      concat("{\n  \"metadata\": {\n    \"total_size\": ", total, "\n  },\n  \"weight_map\": {");
  bool is_first = true;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = shard_path(file_name(path), i, shards.size());
    for (const FlatTensor& tensor : shards[i]) {
      out += std::exchange(is_first, false) ? "\n    " : ",\n    ";
      append_string(out, tensor.name);
      out += ": ";
      append_string(out, file);
    }
  }
  return out += "\n  }\n}";
}

Result<std::uint64_t> parse_shard_size(std::string_view text) {
  const auto wrong = [&] {
    return Error(ErrorKind::kUnsupported, Stage::kCli, concat("'", text, "' is no size"))
        .advise("Give a number of bytes, or one with a unit, like 5GB or 200MB.");
  };
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || value == 0) return wrong();
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) return value;
  std::uint64_t factor = 1;
  for (const std::string_view known : {"KB", "MB", "GB", "TB"}) {
    factor *= 1000;
    if (unit != known) continue;
    if (__builtin_mul_overflow(value, factor, &value)) return wrong();
    return value;
  }
  return wrong();
}

}  // namespace hardload
