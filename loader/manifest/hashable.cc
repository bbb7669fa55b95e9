#include "loader/manifest/hashable.h"

#include <bit>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

using Charge = std::function<Result<void>(std::uint64_t)>;

// The integer that a float equals, if there is one.
std::optional<std::int64_t> as_integer(double value) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (!(value >= -kEnd && value < kEnd) || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

// Texts that are equal exactly if Python holds the keys to be equal. Tuples are taken apart with a
// stack of their own: they may be nested as deep as the pickle is long.
Result<std::string> canonical(const ValueGraph& graph, Slot key, const Charge& charge) {
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
    HARDLOAD_TRY(charge(sizeof(Slot) + slot.length));
    switch (slot.kind) {
      case ValueKind::kTuple:
      case ValueKind::kSize:
        append(out, "(", slot.length, ":");
        open.push_back(graph.items_of(slot));
        break;
      case ValueKind::kBool:
      case ValueKind::kInt: append(out, "i", *value.as_int(), ";"); break;
      case ValueKind::kFloat: {
        const auto integer = as_integer(*value.as_float());
        if (integer) {
          append(out, "i", *integer, ";");
        } else {
          append(out, "f", slot.payload, ";");
        }
        break;
      }
      case ValueKind::kString: append(out, "s", slot.length, ":", value.text()); break;
      case ValueKind::kBytes:
      case ValueKind::kBigInt:
        append(out, slot.kind == ValueKind::kBytes ? "b" : "I", slot.length, ":",
               std::string_view(reinterpret_cast<const char*>(value.bytes().data()),
                                value.bytes().size()));
        break;
      case ValueKind::kNone:
      case ValueKind::kComplex:
      case ValueKind::kDtype:
      case ValueKind::kQScheme:
      case ValueKind::kLayout:
      case ValueKind::kDevice:
      case ValueKind::kClass:
      case ValueKind::kTensor:
      case ValueKind::kStorage:
        // Equal where they are the same object of the pickle; others may be equal in Python, too,
        // but are no keys that a state dict has.
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
  const auto integer = value.as_int();
  return Error(ErrorKind::kKey, Stage::kManifest,
               concat("the key ",
                      integer ? concat(*integer) : concat("'", value.text().substr(0, 200), "'"),
                      " stands twice in one dict or set"))
      .advise("torch.save does not write this: the file is damaged or crafted, do not use it.");
}

}  // namespace

Result<void> check_keys(const ValueGraph& graph, std::span<const Slot> slots, std::size_t stride,
                        const Charge& charge) {
  // Nearly all keys are strings, which need no canonical form.
  NameIndex strings(slots.size() / stride);
  std::set<std::string> others;
  for (std::uint32_t i = 0; i < slots.size(); i += static_cast<std::uint32_t>(stride)) {
    const Slot key = slots[i];
    if (key.kind == ValueKind::kString) {
      const std::string_view text = graph.text_of(key);
      const auto is_same = [&](std::uint32_t j) { return graph.text_of(slots[j]) == text; };
      if (strings.insert(seeded_hash(text), i, is_same)) return repeated(graph, key);
      continue;
    }
    HARDLOAD_ASSIGN(std::string text, canonical(graph, key, charge));
    if (!others.insert(std::move(text)).second) return repeated(graph, key);
  }
  return {};
}

}  // namespace hardload
