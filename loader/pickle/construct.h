// construct: what a listed constructor makes of its arguments.
//
// Containers and scalars are made here, on the spot, because the pickle goes on to fill them.
// Tensors are only noted down (a Call in the graph): whether their arguments make sense is the
// manifest's business, which can say which tensor is wrong.
#pragma once

#include <string>
#include <string_view>

#include "loader/base/result.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/value.h"

namespace hardload {

// The value of `constructor(*arguments)`, added to `graph`. `arguments` is a tuple. Errors: kPickle
// for arguments that torch.save does not write; the caller adds record and offset.
Result<Slot> construct(ValueGraph& graph, Constructor constructor, Slot arguments);

// The value of `constructor.__new__(constructor, *arguments)`, which protocol 2 uses for classes.
Result<Slot> construct_new(ValueGraph& graph, Constructor constructor, Slot arguments);

// Whether torch.device(type) and _get_layout(name) take these.
bool is_device_type(std::string_view type);
bool is_layout(std::string_view name);

}  // namespace hardload
