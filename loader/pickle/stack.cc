#include "loader/pickle/stack.h"

#include "loader/base/text.h"

namespace hardload {

Error Stack::too_few() {
  return Error(ErrorKind::kPickle, Stage::kPickle,
               "an instruction finds too few values on the stack");
}

Error Stack::over_limit() const {
  return Error(ErrorKind::kLimit, Stage::kPickle,
               concat("the stack grows over max_stack, ", limit_));
}

Result<void> Stack::discard() {
  if (above_mark() == 0) {
    HARDLOAD_TRY(pop_mark());
  } else {
    slots_.pop_back();
  }
  return {};
}

Error Stack::no_mark() {
  return Error(ErrorKind::kPickle, Stage::kPickle, "an instruction finds no mark");
}

Result<void> Memo::put_out_of_order(std::uint64_t index, Slot slot) {
  // Python numbers the entries from 0 (Python 2 from 1) without gaps.
  if (index > puts_ + max_gap_) {
    return Error(ErrorKind::kLimit, Stage::kPickle,
                 concat("memo entry ", index, " leaves a gap over max_memo_gap, ", max_gap_));
  }
  ++puts_;
  if (index >= entries_.size()) entries_.resize(index + 1, kUnset);
  entries_[index] = slot;
  return {};
}

Error Memo::never_set(std::uint64_t index) {
  return Error(ErrorKind::kPickle, Stage::kPickle, concat("memo entry ", index, " was never set"));
}

}  // namespace hardload
