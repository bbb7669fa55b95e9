// script_state: the tensors of a TorchScript module under the names that its state dict has for
// them.
//
// A module is an object with attributes: tensors, modules, plain values. A state dict lists the
// tensors of the module and of the modules in it. Which of them are parameters and which buffers,
// and which neither, the archive says in its code alone, which is not read: all are listed.
//
//   for (const ScriptTensor& entry : script_state(manifest.root())) use(entry.name, entry.tensor);
#pragma once

#include <string>
#include <vector>

#include "loader/pickle/value.h"

namespace hardload {

struct ScriptTensor {
  std::string name;  // attributes joined by "."
  Value tensor;      // of kind kTensor
};

// The tensors of `module`, a value of kind kScript of a manifest, in the order of the file: those
// that are attributes of it, and of objects that are attributes. Not those in lists, tuples and
// dicts. A module inside itself is left out. Work: no more than describing the file took.
std::vector<ScriptTensor> script_state(Value module);

}  // namespace hardload
