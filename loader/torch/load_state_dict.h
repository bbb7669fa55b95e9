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
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/result.h"
#include "loader/match/rename.h"

namespace torch::nn {
class Module;
}

namespace hardload {

struct Diagnosis;  // loader/match/diagnose.h
struct StateDict;
struct StateDictEntry;

// A key on both sides that was not loaded.
struct MismatchedKey {
  std::string key;
  std::vector<std::int64_t> saved, model;  // the shapes
  // Where it is not the shapes: what the value is instead of a tensor, or why it cannot be copied.
  std::string problem = {};
};

// What was not loaded.
struct IncompatibleKeys {
  std::vector<std::string> missing_keys;
  std::vector<std::string> unexpected_keys;
  std::vector<MismatchedKey> mismatched_keys;  // skipped; of a refused load: why it was
  std::vector<std::string> tied_keys;          // missing, but loaded under another name
  std::vector<std::string> still_on_meta;      // not loaded, and without memory
  // What probably happened; null where nothing is missing, unexpected or mismatched.
  std::shared_ptr<const Diagnosis> diagnosis;
};

// Called with the path of a module ("" is the root, else "encoder.layer0") and its entry
// `_extra_state`: entry.tensor, or entry.value where it is no tensor. An error refuses the load.
using TakeExtraState = std::function<Result<void>(std::string_view path, const StateDictEntry&)>;

struct LoadStateDictOptions {
  // Whether missing and unexpected keys are an error. Shapes that differ always are.
  bool strict = true;
  // The class name in messages; by default made from the module's own (see class_name.h).
  std::string class_name = {};

  // Parameters and buffers take the dtype, strides, device and memory of the state dict's tensors
  // instead of a copy of their elements. They stay the same objects, so that ties, members of the
  // module and optimizers follow; whether they require gradients stays, and what gradient they have
  // goes. A module on the meta device gets its memory so. The state dict then shares memory with
  // the module: what is written to one is seen in the other.
  bool assign = false;

  // How the state dict's keys are rewritten before they are matched, in this order (see rename.h).
  // Two keys that become one are an error.
  std::string strip_prefix = {};
  std::vector<Rename> renames = {};
  std::string add_prefix = {};

  // Entries whose shape differs stay as they are, and are listed in mismatched_keys.
  bool skip_mismatched_shapes = false;
  // A key may be missing where the same parameter is loaded under another of its names.
  bool accept_tied_names = false;
  // Globs of keys that may be missing (buffers that Python does not save), or unexpected: `*` is
  // any text, dots included, `?` one byte.
  std::vector<std::string> optional_keys = {};
  std::vector<std::string> ignore_unexpected = {};

  // Without it, `_extra_state` entries are unexpected: C++ modules do not take them. Called in the
  // order of the modules, when everything else is known to fit and before a parameter changes.
  TakeExtraState take_extra_state = {};

  // Filled with the full lists, also where the load is refused.
  IncompatibleKeys* report = nullptr;
};

// Copies every tensor of `state` to the parameter or buffer of its name, cast to the target's dtype
// and moved to its device; or see `assign`. Errors: kKey with PyTorch's message as problem(), the
// same in shorter lists for display(), and the likely cause as advice(); kUnsupported for targets
// that cannot be written (on the meta device without `assign`; inference tensors outside of
// InferenceMode; what `assign` cannot do); kOutOfMemory. On a device other than the CPU the last
// step can fail, too, where the device does: kDevice. Memory: what is cast, moved or of other
// strides is converted first, beside the module. Threads: nobody else may use the module.
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
