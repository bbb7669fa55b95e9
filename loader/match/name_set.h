// NameSet: which names there are, and Work: how much may still be spent on looking for others.
//
//   const NameSet missing(report.missing_keys);
//   Work work(kMostWork);
//   if (work.take(rest.size()) && missing.contains(rest)) ...
//
// Ownership: borrows its names. Threads: reading from any number of threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"

namespace hardload {

// A budget of bytes that are hashed or compared. Names come from a file, so that what is done with
// each pair of them, or with each of their parts, has to have an end.
class Work {
 public:
  explicit Work(std::uint64_t budget) : left_(budget) {}

  // Whether `bytes` more, and a little for the call itself, may be looked at.
  bool take(std::uint64_t bytes) {
    constexpr std::uint64_t kCall = 16;
    const bool enough = bytes <= left_ && kCall <= left_ - bytes;
    left_ = enough ? left_ - bytes - kCall : 0;
    return enough;
  }
  bool is_spent() const { return left_ == 0; }

 private:
  std::uint64_t left_;
};

class NameSet {
  auto is(std::string_view name) const {
    return [this, name](std::uint32_t i) { return names_[i] == name; };
  }

 public:
  NameSet() = default;
  template <typename Names>
  explicit NameSet(const Names& names) : index_(names.size()) {
    names_.reserve(names.size());
    for (const std::string_view name : names) add(name);
  }

  void add(std::string_view name) {
    names_.push_back(name);
    index_.insert(seeded_hash(name), static_cast<std::uint32_t>(names_.size() - 1), is(name));
  }

  // Where the name stands, counted from 0 in the order of adding; nullopt where it does not.
  std::optional<std::uint32_t> find(std::string_view name) const {
    return index_.find(seeded_hash(name), is(name));
  }
  bool contains(std::string_view name) const { return find(name).has_value(); }

 private:
  std::vector<std::string_view> names_;
  NameIndex index_;
};

}  // namespace hardload
