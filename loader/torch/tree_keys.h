// What can be a key of a dict that is saved, and whether it stands there twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "loader/torch/tree.h"

namespace hardload {

// Whether Python can hash `tree`: no list, dict, set or bytearray, and no tuple that holds one.
// `checked`: tuples that are known to be fine; more are added.
bool is_hashable(const Tree& tree, std::unordered_set<const void*>& checked);

// A key, for messages: the text of a string, a number, or "<tuple>".
std::string key_text(const Tree& key);

// The keys of one dict, compared as Python compares them (1, 1.0 and True are one key). Tuples and
// rarer keys are not compared. Borrows the texts of the keys.
class KeySet {
 public:
  // Whether `key` is not there yet.
  bool insert(const Tree& key);

 private:
  bool has_none_ = false;
  std::unordered_set<std::string_view> texts_, bytes_;
  std::unordered_set<std::int64_t> integers_;
  std::unordered_set<double> fractions_;
};

}  // namespace hardload
