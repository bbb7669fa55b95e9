#include "loader/torch/tree_keys.h"

#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "loader/pickle/key_text.h"

namespace hardload {
namespace {

Error not_hashable(const Tree& tree) {
  return Error(ErrorKind::kKey, Stage::kTorch,
               concat("a ", python_type_name(tree.kind()),
                      " cannot be a key of a dict or an item of a set"))
      .advise("Use strings, numbers or tuples of them.");
}

// Appends a value that is no tuple.
Result<void> append_to(KeyText& out, const Tree& tree) {
  switch (tree.kind()) {
    case ValueKind::kNone: out.add('N', ""); break;
    case ValueKind::kBool:
    case ValueKind::kInt: out.integer(*tree.as_int()); break;
    case ValueKind::kBigInt: out.integer(tree.text()); break;
    case ValueKind::kFloat: out.real(*tree.as_float()); break;
    case ValueKind::kComplex:
      out.complex(tree.as_complex().real(), tree.as_complex().imag());
      break;
    case ValueKind::kString: out.add('s', tree.text()); break;
    case ValueKind::kBytes: out.add('b', tree.text()); break;
    case ValueKind::kDtype: out.add('D', tree.text()); break;
    case ValueKind::kQScheme: out.add('Q', tree.text()); break;
    case ValueKind::kLayout: out.add('L', tree.text()); break;
    case ValueKind::kClass: out.add('C', tree.text()); break;
    // By their identity, as in Python; a storage is another object in each place.
    case ValueKind::kTensor:
      out.add(tree.is_parameter() ? 'P' : 'T',
              concat(reinterpret_cast<std::uintptr_t>(tree.identity())));
      break;
    case ValueKind::kStorage: out.add('S', concat(reinterpret_cast<std::uintptr_t>(&tree))); break;
    default: return not_hashable(tree);
  }
  return {};
}

bool is_tuple(const Tree& tree) {
  return tree.kind() == ValueKind::kTuple || tree.kind() == ValueKind::kSize ||
         tree.kind() == ValueKind::kDevice;
}

}  // namespace

std::string key_text(const Tree& key) {
  if (key.kind() == ValueKind::kString) return std::string(key.text().substr(0, 200));
  if (key.kind() == ValueKind::kInt) return std::to_string(*key.as_int());
  return concat("<", python_type_name(key.kind()), ">");
}

Result<void> KeySet::add(const Tree& key, std::uint64_t most_bytes) {
  bool is_new = true;
  if (key.kind() == ValueKind::kString) {
    is_new = strings_.insert(key.text()).second;
  } else {
    KeyText text(serial_);
    // What is still to come, the next last; nullptr ends a tuple.
    std::vector<const Tree*> open = {&key};
    while (!open.empty() && text.size() <= most_bytes) {
      const Tree* const next = open.back();
      open.pop_back();
      if (next == nullptr) {
        text.close_tuple();
      } else if (is_tuple(*next)) {
        if (next->kind() == ValueKind::kDevice) text.add('d', "");
        text.open_tuple(next->items().size());
        open.push_back(nullptr);
        for (std::size_t i = next->items().size(); i-- > 0;) open.push_back(&next->items()[i]);
      } else {
        HARDLOAD_TRY(append_to(text, *next));
      }
    }
    if (!open.empty()) {
      return Error(ErrorKind::kLimit, Stage::kTorch,
                   concat("a key takes over ", most_bytes, " bytes to compare"))
          .advise("Use strings, numbers or short tuples of them.");
    }
    serial_ += text.size();
    is_new = others_.insert(std::move(text).take()).second;
  }
  if (is_new) return {};
  return Error(ErrorKind::kKey, Stage::kTorch,
               concat("the key '", key_text(key), "' stands there twice"))
      .advise("Give every key once.");
}

}  // namespace hardload
