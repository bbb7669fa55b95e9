#include "loader/manifest/hashable.h"

#include <bit>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/cursor.h"
#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

// The integer `mantissa` * 2^`shift` as a pickle has it: two's complement, little-endian, shortest.
std::string shifted(std::int64_t mantissa, int shift) {
  std::string bytes(static_cast<std::size_t>(shift / 8), '\0');
  std::int64_t rest = mantissa * (std::int64_t{1} << (shift % 8));  // 53 bits and 7
  for (; rest < -128 || rest > 127; rest >>= 8) bytes += static_cast<char>(rest & 0xFF);
  return bytes + static_cast<char>(rest & 0xFF);
}

// Appends what a number and all that equal it have in common.
void append_integer(std::string& out, std::int64_t value) { append(out, "i", value, ";"); }
void append_big_integer(std::string& out, std::string_view bytes) {
  append(out, "I", bytes.size(), ":", bytes);
}
void append_float(std::string& out, double value, std::size_t serial) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) {
    append(out, "n", serial, ";");  // equal to nothing, not even to itself
  } else if (std::isinf(value) || value != std::floor(value)) {
    append(out, "f", std::bit_cast<std::uint64_t>(value), ";");
  } else if (value >= -kEnd && value < kEnd) {
    append_integer(out, static_cast<std::int64_t>(value));
  } else {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    append_big_integer(out,
                       shifted(static_cast<std::int64_t>(std::ldexp(fraction, 53)), exponent - 53));
  }
}

std::string_view as_text(const Value& value) { return Cursor::as_text(value.bytes()); }

// Texts that are equal exactly if Python holds the keys to be equal. `serial` grows from key to key
// by the length of its text.
Result<std::string> canonical(const ValueGraph& graph, Slot key, std::size_t serial,
                              const KeyBounds& bounds) {
  std::string out;
  std::vector<std::span<const Slot>> open = {{&key, 1}};
  while (!open.empty()) {
    if (open.back().empty()) {
      open.pop_back();
      out += ')';
      continue;
    }
    const Slot slot = open.back().front();
    open.back() = open.back().subspan(1);
    const Value value(graph, slot);
    HARDLOAD_TRY(bounds.charge(sizeof(Slot) + slot.length));
    switch (slot.kind) {
      case ValueKind::kTuple:
      case ValueKind::kSize:
        if (open.size() > bounds.max_depth) {
          return Error(ErrorKind::kLimit, Stage::kManifest,
                       concat("a key is nested deeper than max_depth, ", bounds.max_depth));
        }
        append(out, "(", slot.length, ":");
        open.push_back(graph.items_of(slot));
        break;
      case ValueKind::kBool:
      case ValueKind::kInt: append_integer(out, *value.as_int()); break;
      case ValueKind::kFloat: append_float(out, *value.as_float(), serial + out.size()); break;
      case ValueKind::kComplex:
        // One without an imaginary part is its real part.
        if (value.imaginary() == 0) {
          append_float(out, value.real(), serial + out.size());
        } else {
          out += 'c';
          append_float(out, value.real(), serial + out.size());
          append_float(out, value.imaginary(), serial + out.size());
        }
        break;
      case ValueKind::kString: append(out, "s", slot.length, ":", value.text()); break;
      case ValueKind::kBytes: append(out, "b", slot.length, ":", as_text(value)); break;
      case ValueKind::kBigInt: append_big_integer(out, as_text(value)); break;
      case ValueKind::kNone: out += 'N'; break;
      case ValueKind::kDtype:
      case ValueKind::kQScheme:
      case ValueKind::kLayout:
      case ValueKind::kClass:
        append(out, "o", static_cast<int>(slot.kind), ",", value.text(), ";");
        break;
      case ValueKind::kDevice:
        append(out, "d", value.item(0).text(), ":");
        if (value.size() == 2) append_integer(out, *value.item(1).as_int());
        out += ';';
        break;
      case ValueKind::kTensor:
      case ValueKind::kStorage:
      case ValueKind::kInert:
        // By their identity, as in Python.
        append(out, "o", static_cast<int>(slot.kind), ",", slot.payload, ";");
        break;
      case ValueKind::kByteArray:
      case ValueKind::kList:
      case ValueKind::kSet:
      case ValueKind::kDict:
      case ValueKind::kOrderedDict:
      case ValueKind::kCounter:
        return Error(ErrorKind::kPickle, Stage::kManifest,
                     concat("a ", python_type_name(slot.kind), " is used as a key"));
    }
  }
  return out;
}

Error repeated(const ValueGraph& graph, Slot key) {
  const Value value(graph, key);
  std::string shown = concat("of type ", python_type_name(key.kind));
  if (const auto integer = value.as_int()) shown = concat(*integer);
  if (const auto text = value.as_string()) shown = concat("'", text->substr(0, 200), "'");
  return Error(ErrorKind::kKey, Stage::kManifest,
               concat("the key ", shown, " stands twice in one dict or set"))
      .advise("torch.save does not write this: the file is damaged or crafted, do not use it.");
}

}  // namespace

Result<void> check_keys(const ValueGraph& graph, std::span<const Slot> slots, std::size_t stride,
                        const KeyBounds& bounds) {
  // Nearly all keys are strings, which need no canonical form.
  NameIndex strings(slots.size() / stride);
  std::set<std::string> others;
  std::size_t serial = 0;
  for (std::uint32_t i = 0; i < slots.size(); i += static_cast<std::uint32_t>(stride)) {
    const Slot key = slots[i];
    if (key.kind == ValueKind::kString) {
      const std::string_view text = graph.text_of(key);
      const auto is_same = [&](std::uint32_t j) { return graph.text_of(slots[j]) == text; };
      if (strings.insert(seeded_hash(text), i, is_same)) return repeated(graph, key);
      continue;
    }
    HARDLOAD_ASSIGN(std::string text, canonical(graph, key, serial, bounds));
    serial += text.size();
    if (!others.insert(std::move(text)).second) return repeated(graph, key);
  }
  return {};
}

}  // namespace hardload
