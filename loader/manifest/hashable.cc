#include "loader/manifest/hashable.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/cursor.h"
#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"
#include "loader/pickle/key_text.h"

namespace hardload {
namespace {

std::string_view as_text(const Value& value) { return Cursor::as_text(value.bytes()); }

// Texts that are equal exactly if Python holds the keys to be equal. `serial` grows from key to key
// by the length of its text.
Result<std::string> canonical(const ValueGraph& graph, Slot key, std::size_t serial,
                              const KeyBounds& bounds) {
  KeyText out(serial);
  std::vector<std::span<const Slot>> open = {{&key, 1}};
  while (!open.empty()) {
    if (open.back().empty()) {
      open.pop_back();
      out.close_tuple();
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
        out.open_tuple(slot.length);
        open.push_back(graph.items_of(slot));
        break;
      case ValueKind::kBool:
      case ValueKind::kInt: out.integer(*value.as_int()); break;
      case ValueKind::kBigInt: out.integer(as_text(value)); break;
      case ValueKind::kFloat: out.real(*value.as_float()); break;
      case ValueKind::kComplex: out.complex(value.real(), value.imaginary()); break;
      case ValueKind::kBytes: out.add('b', as_text(value)); break;
      case ValueKind::kNone: out.add('N', ""); break;
      case ValueKind::kString: out.add('s', value.text()); break;
      case ValueKind::kDtype: out.add('D', value.text()); break;
      case ValueKind::kQScheme: out.add('Q', value.text()); break;
      case ValueKind::kLayout: out.add('L', value.text()); break;
      case ValueKind::kClass: out.add('C', value.text()); break;
      case ValueKind::kDevice:
        out.add('d', value.item(0).text());
        if (value.size() == 2) out.integer(*value.item(1).as_int());
        out.close_tuple();
        break;
      // By their identity, as in Python.
      case ValueKind::kTensor: out.add('T', concat(slot.payload)); break;
      case ValueKind::kStorage: out.add('S', concat(slot.payload)); break;
      case ValueKind::kInert:
      case ValueKind::kScript: out.add('O', concat(slot.payload)); break;
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
  return std::move(out).take();
}

Error repeated(std::string_view shown) {
  return Error(ErrorKind::kKey, Stage::kManifest,
               concat("the key ", shown, " stands twice in one dict or set"))
      .advise("torch.save does not write this: the file is damaged or crafted, do not use it.");
}

}  // namespace

Result<void> check_keys(const ValueGraph& graph, std::span<const Slot> slots, std::size_t stride,
                        const KeyBounds& bounds) {
  // Nearly all keys are strings, which need no canonical form.
  std::vector<std::string_view> strings;
  strings.reserve(slots.size() / stride);
  std::set<std::string> others;
  std::size_t serial = 0;
  for (std::size_t i = 0; i < slots.size(); i += stride) {
    const Slot key = slots[i];
    if (key.kind == ValueKind::kString) {
      strings.push_back(graph.text_of(key));
      continue;
    }
    HARDLOAD_ASSIGN(std::string text, canonical(graph, key, serial, bounds));
    serial += text.size();
    if (!others.insert(std::move(text)).second) {
      const Value value(graph, key);
      const auto integer = value.as_int();
      return repeated(integer ? concat(*integer) : concat("of type ", python_type_name(key.kind)));
    }
  }
  const auto twice =
      NameIndex(strings.size())
          .insert_all(
              static_cast<std::uint32_t>(strings.size()),
              [&](std::uint32_t i) { return seeded_hash(strings[i]); },
              [&](std::uint32_t i, std::uint32_t j) { return strings[i] == strings[j]; });
  if (twice) return repeated(concat("'", strings[twice->second].substr(0, 200), "'"));
  return {};
}

}  // namespace hardload
