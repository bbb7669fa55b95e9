// Inert objects: what a pickle makes of names that are not in the table, kept as data.
//
// With Unlisted::kKeepAsData a call of an unlisted name is neither refused nor made: it becomes a
// kInert value that says what would have been called, with which arguments, and what was then put
// into the object. It can be looked at and nothing else. The dataclasses of a `.metadata`
// (Dialect::kDistributed) are listed, and become the same.
#pragma once

#include <span>

#include "loader/base/result.h"
#include "loader/pickle/value.h"

namespace hardload {

// Whether `slot` is an unlisted name or a dataclass, or an object made from one.
bool is_inert(const ValueGraph& graph, Slot slot);

// The object that calling `callable` with the tuple `arguments` would have made.
Slot new_inert(ValueGraph& graph, Slot callable, Slot arguments);

// BUILD. Errors: kPickle where it has a state already.
Result<void> set_inert_state(ValueGraph& graph, Slot object, Slot state);

// APPENDS and SETITEMS, of an object that is a list or dict of its own kind. `entries` are key,
// value, key, value...
void append_to_inert(ValueGraph& graph, Slot object, std::span<const Slot> items);
void set_in_inert(ValueGraph& graph, Slot object, std::span<const Slot> entries);

}  // namespace hardload
