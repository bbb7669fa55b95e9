// Script objects: what LibTorch's pickler makes of the objects of TorchScript's classes.
//
// In a TorchScript archive a module is an object of a class `__torch__.`, whose code is elsewhere
// in the archive. The pickle has its attributes by their names, submodules among them, so that
// nothing of the code is needed (torch/csrc/jit/serialization/pickler.cpp: pushIValueImpl):
//
//   the class, EMPTY_TUPLE, NEWOBJ, the dict of the attributes, BUILD
//   the class, EMPTY_TUPLE, NEWOBJ, what the class's own __getstate__ gave, BUILD
//   the class of an enum, a member's value, REDUCE
//
// Each becomes a kScript: class and state. What a class's own __setstate__ would make of the state
// only its code knows.
#pragma once

#include "loader/base/result.h"
#include "loader/pickle/value.h"

namespace hardload {

bool is_script_class(const ValueGraph& graph, Slot slot);

// NEWOBJ. Errors: kPickle for arguments other than ().
Result<Slot> new_script_object(ValueGraph& graph, Slot script_class, Slot arguments);

// REDUCE: the member of an enum whose value is `value`.
Result<Slot> new_script_enum(ValueGraph& graph, Slot script_class, Slot value);

// BUILD. Errors: kPickle where the object has a state already.
Result<void> set_script_state(ValueGraph& graph, Slot object, Slot state);

}  // namespace hardload
