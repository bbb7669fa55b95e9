#include "tests/pickle/show.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "loader/base/text.h"
#include "loader/pickle/big_int.h"

namespace hardload::testing {
namespace {

std::string show_float(double value) {
  char digits[32];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  const bool plain = text.find_first_not_of("-0123456789") == text.npos;
  return plain ? text + ".0" : text;
}

std::string show_bytes(std::span<const std::byte> bytes) {
  std::string out = "b'";
  for (const std::byte byte : bytes) {
    const auto code = std::to_integer<unsigned char>(byte);
    if (code >= 0x20 && code < 0x7f) {
      out += static_cast<char>(code);
    } else {
      out += "\\x";
      out += "0123456789abcdef"[code >> 4];
      out += "0123456789abcdef"[code & 15];
    }
  }
  return out + "'";
}

class Shower {
 public:
  std::string show(const Value& value) {
    switch (value.kind()) {
      case ValueKind::kNone: return "None";
      case ValueKind::kBool: return *value.as_bool() ? "True" : "False";
      case ValueKind::kInt: return concat(*value.as_int());
      case ValueKind::kBigInt: return big_int_text(value.bytes());
      case ValueKind::kFloat: return show_float(*value.as_float());
      case ValueKind::kComplex:
        return concat("complex(", show_float(value.real()), ", ", show_float(value.imaginary()),
                      ")");
      case ValueKind::kString: return concat("'", value.text(), "'");
      case ValueKind::kBytes: return show_bytes(value.bytes());
      case ValueKind::kByteArray: return concat("bytearray(", show_bytes(value.bytes()), ")");
      case ValueKind::kTuple:
        return value.size() == 1 ? concat("(", show(value.item(0)), ",)")
                                 : concat("(", items(value), ")");
      case ValueKind::kSize: return concat("torch.Size((", items(value), "))");
      case ValueKind::kDevice: return concat("device(", items(value), ")");
      case ValueKind::kDtype:
      case ValueKind::kQScheme: return concat("torch.", value.text());
      case ValueKind::kLayout: return std::string(value.text());
      case ValueKind::kClass: {
        std::string name(value.text());
        std::replace(name.begin(), name.end(), '\n', '.');
        return concat("<class ", name, ">");
      }
      case ValueKind::kTensor: return "<tensor>";
      case ValueKind::kStorage: return "<storage>";
      case ValueKind::kInert: return inert(value);
      case ValueKind::kScript: return script(value);
      case ValueKind::kList: return container(value, "[", "]");
      case ValueKind::kSet: return container(value, "set(", ")");
      case ValueKind::kDict: return container(value, "{", "}");
      case ValueKind::kCounter: return container(value, "Counter({", "})");
      case ValueKind::kOrderedDict: return container(value, "OrderedDict({", "})");
    }
    return "?";
  }

 private:
  std::string items(const Value& value) {
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
      append(out, i == 0 ? "" : ", ", show(value.item(i)));
    }
    return out;
  }

  // "script(class, state)".
  std::string script(const Value& value) {
    if (std::find(open_.begin(), open_.end(), value.identity()) != open_.end()) return "...";
    open_.push_back(value.identity());
    std::string out = concat("script(", show(value.part(InertPart::kCallable)), ", ",
                             show(value.part(InertPart::kState)), ")");
    open_.pop_back();
    return out;
  }

  // "inert(callable, arguments, state, items, entries)", None where there is no such part.
  std::string inert(const Value& value) {
    if (std::find(open_.begin(), open_.end(), value.identity()) != open_.end()) return "...";
    open_.push_back(value.identity());
    std::string out = "inert(";
    for (std::size_t i = 0; i < kInertParts; ++i) {
      append(out, i == 0 ? "" : ", ", show(value.part(static_cast<InertPart>(i))));
    }
    open_.pop_back();
    return out + ")";
  }

  std::string container(const Value& value, std::string_view begin, std::string_view end) {
    if (std::find(open_.begin(), open_.end(), value.identity()) != open_.end()) return "...";
    open_.push_back(value.identity());
    std::string out(begin);
    if (value.is_mapping()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        append(out, i == 0 ? "" : ", ", show(value.key(i)), ": ", show(value.item(i)));
      }
    } else {
      out += items(value);
    }
    out += end;
    if (const auto attributes = value.attributes()) append(out, " with ", show(*attributes));
    open_.pop_back();
    return out;
  }

  std::vector<std::size_t> open_;  // identities of the containers being shown
};

}  // namespace

std::string show(const Value& value) { return Shower().show(value); }

}  // namespace hardload::testing
