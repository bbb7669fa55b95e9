// What can be a key of a dict that is saved, and whether it stands there twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "loader/base/result.h"
#include "loader/torch/tree.h"

namespace hardload {

// A key, for messages: the text of a string, a number, or "<tuple>".
std::string key_text(const Tree& key);

// The keys of one dict, or the items of a set, compared as Python compares them (1, 1.0 and True
// are one key). Borrows the texts of the keys.
class KeySet {
 public:
  // Adds `key`. Errors: kKey where it is there already, or is no key: a list, dict, set or
  // bytearray, or a tuple that holds one; kLimit for a tuple that takes over `most_bytes` to
  // compare, because it shares its parts.
  Result<void> add(const Tree& key, std::uint64_t most_bytes);

 private:
  std::unordered_set<std::string_view> strings_;
  std::unordered_set<std::string> others_;  // their KeyTexts
  std::size_t serial_ = 0;
};

}  // namespace hardload
