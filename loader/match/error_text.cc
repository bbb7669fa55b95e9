#include "loader/match/error_text.h"

#include <algorithm>

#include "loader/base/text.h"

namespace hardload {
namespace {

class Writer {
 public:
  Writer(Quote quote, const Shown& shown) : quote_(quote), shown_(shown) {}

  template <typename Keys>
  std::string key_list(std::string_view lead, const Keys& keys) const {
    std::string text = concat(lead, " key(s) in state_dict: ");
    const std::size_t count = std::min(keys.size(), shown_.items);
    for (std::size_t i = 0; i < count; ++i) {
      append(text, i == 0 ? "\"" : ", \"", key(keys[i]), "\"");
    }
    if (count < keys.size()) append(text, ", ... ", keys.size() - count, " more");
    return text + ". ";
  }

  std::string mismatch(const MatchReport::Mismatch& mismatch) const {
    const std::string name = key(mismatch.key);
    if (!mismatch.type.empty()) {
      return concat("While copying the parameter named \"", name,
                    "\", expected torch.Tensor or Tensor-like object from checkpoint but received "
                    "<class '",
                    quote_(mismatch.type), "'>");
    }
    if (!mismatch.exception.empty()) {
      return concat("While copying the parameter named \"", name,
                    "\", whose dimensions in the model are ", size_text(mismatch.model),
                    " and whose dimensions in the checkpoint are ", size_text(mismatch.saved),
                    ", an exception occurred : (", python_repr(mismatch.exception), ",).");
    }
    return concat("size mismatch for ", name, ": copying a param with shape ",
                  size_text(mismatch.saved), " from checkpoint, the shape in current model is ",
                  size_text(mismatch.model), ".");
  }

 private:
  std::string key(std::string_view name) const {
    if (name.size() <= shown_.key_bytes) return quote_(name);
    return concat(quote_(name.substr(0, shown_.key_bytes)), "... ", name.size() - shown_.key_bytes,
                  " more bytes");
  }

  Quote quote_;
  Shown shown_;
};

}  // namespace

std::string unquoted(std::string_view text) { return std::string(text); }

std::string error_text(const MatchReport& report, std::string_view class_name, bool strict,
                       Quote quote, const Shown& shown) {
  const Writer writer(quote, shown);
  std::string text = concat("Error(s) in loading state_dict for ", class_name, ":");
  if (strict && !report.missing_keys.empty()) {
    append(text, "\n\t", writer.key_list("Missing", report.missing_keys));
  }
  if (strict && !report.unexpected_keys.empty()) {
    append(text, "\n\t", writer.key_list("Unexpected", report.unexpected_keys));
  }
  const std::size_t count = std::min(report.mismatches.size(), shown.items);
  for (std::size_t i = 0; i < count; ++i) {
    append(text, "\n\t", writer.mismatch(report.mismatches[i]));
  }
  if (count < report.mismatches.size()) {
    append(text, "\n\t... ", report.mismatches.size() - count, " more");
  }
  return text;
}

std::string size_text(std::span<const std::int64_t> shape) {
  std::string text = "torch.Size([";
  for (std::size_t i = 0; i < shape.size(); ++i) append(text, i == 0 ? "" : ", ", shape[i]);
  return text + "])";
}

std::string python_repr(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + quote;
}

}  // namespace hardload
