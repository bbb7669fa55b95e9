// Stack: the pickle machine's stack of values, with marks; Memo: its table of remembered values.
//
// No instruction reaches below the last mark, as in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/huge_pages.h"
#include "loader/pickle/value.h"

namespace hardload {

class Stack {
 public:
  explicit Stack(const Limits& limits) : limit_(limits.max_stack) {}

  // Errors: kLimit over Limits::max_stack.
  Result<void> push(Slot slot) {
    if (slots_.size() >= limit_) [[unlikely]]
      return over_limit();
    slots_.push_back(slot);
    return {};
  }
  Result<void> mark() {
    if (marks_.size() >= limit_) [[unlikely]]
      return over_limit();
    marks_.push_back(slots_.size());
    return {};
  }

  // Errors, for all below: kPickle where there are too few values above the last mark, or no mark.
  Result<Slot> pop() {
    if (above_mark() == 0) [[unlikely]]
      return too_few();
    const Slot slot = slots_.back();
    slots_.pop_back();
    return slot;
  }
  Result<Slot*> top() {
    if (above_mark() == 0) [[unlikely]]
      return too_few();
    return &slots_.back();
  }
  // POP: the last value, or else the last mark.
  Result<void> discard();
  // Removes the last mark; the values above it become the last ones. Returns how many.
  Result<std::size_t> pop_mark() {
    if (marks_.empty()) [[unlikely]]
      return no_mark();
    const std::size_t count = above_mark();
    marks_.pop_back();
    return count;
  }
  // The last `count` values; below them, what they are for. Valid until the next change.
  Result<std::span<const Slot>> last(std::size_t count) const {
    if (above_mark() < count) [[unlikely]]
      return too_few();
    return std::span<const Slot>(slots_).last(count);
  }
  void drop(std::size_t count) { slots_.resize(slots_.size() - count); }

  bool is_empty() const { return slots_.empty() && marks_.empty(); }

 private:
  std::size_t above_mark() const { return slots_.size() - (marks_.empty() ? 0 : marks_.back()); }
  static Error too_few();
  static Error no_mark();
  Error over_limit() const;

  std::uint64_t limit_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> marks_;  // heights of slots_
};

class Memo {
 public:
  // For about `expected` entries; grows where there are more.
  Memo(const Limits& limits, std::size_t expected) : max_gap_(limits.max_memo_gap) {
    reserve_huge(entries_, expected);
  }

  // Errors: kLimit where `index` leaves more than Limits::max_memo_gap entries unset.
  Result<void> put(std::uint64_t index, Slot slot) {
    if (index != entries_.size()) [[unlikely]]
      return put_out_of_order(index, slot);
    entries_.push_back(slot);
    ++puts_;
    return {};
  }
  // Entries, up to the highest.
  std::size_t size() const { return entries_.size(); }

  // Errors: kPickle where the entry was never set.
  Result<Slot> get(std::uint64_t index) const {
    if (index >= entries_.size() || entries_[index].length == kUnset.length) [[unlikely]]
      return never_set(index);
    return entries_[index];
  }

 private:
  // What an entry holds that was never set: no value of a pickle looks like this.
  static constexpr Slot kUnset{ValueKind::kNone, ~std::uint32_t{0}, ~std::uint64_t{0}};

  Result<void> put_out_of_order(std::uint64_t index, Slot slot);
  static Error never_set(std::uint64_t index);

  std::uint64_t max_gap_;
  std::uint64_t puts_ = 0;
  std::vector<Slot> entries_;
};

}  // namespace hardload
