// load_state_dict: copies a state dict into a module. The C++ twin of Module.load_state_dict.
//
//   auto checkpoint = hardload::load("model.pth").value();
//   hardload::load_state_dict(*net, checkpoint.state_dict().value()).value();
//   net->eval();
//
// Keys are matched, and mismatches worded, as PyTorch does it. Unlike PyTorch it is all or nothing:
// where anything does not fit, no parameter has changed.
#pragma once

#include <concepts>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"

namespace torch::nn {
class Module;
}

namespace hardload {

struct StateDict;

struct LoadStateDictOptions {
  // Whether missing and unexpected keys are an error. Shapes that differ always are.
  bool strict = true;
  // The class name in messages; by default made from the module's own (see class_name.h).
  std::string class_name = {};
};

// What was not loaded.
struct IncompatibleKeys {
  std::vector<std::string> missing_keys;
  std::vector<std::string> unexpected_keys;
};

// Copies every tensor of `state` to the parameter or buffer of its name, cast to the target's dtype
// and moved to its device. Errors: kKey with PyTorch's message as problem() and the likely cause as
// advice(); kUnsupported for targets that cannot be written (on the meta device; inference tensors
// outside of InferenceMode); kOutOfMemory. Memory: what is cast or moved is converted first, beside
// the module. Threads: nobody else may use the module.
Result<IncompatibleKeys> load_state_dict(torch::nn::Module& module, const StateDict& state,
                                         const LoadStateDictOptions& options = {});

// The most common mistake in the use of load_state_dict, caught by the compiler.
template <typename FileName>
requires std::convertible_to<FileName, std::string_view> ||
    std::same_as<FileName, std::filesystem::path>
void load_state_dict(torch::nn::Module&, const FileName&, const LoadStateDictOptions& = {}) {
  static_assert(!std::same_as<FileName, FileName>,
                "load_state_dict takes a state dict, not a file name. Load the file first: "
                "load_state_dict(module, load(path).value().state_dict().value())");
}

}  // namespace hardload
