// load_into: from a file into a module, in one step.
//
//   hardload::load_into(*net, "model.pth").value();
//   hardload::load_into(*net, "training.pt", {.path = {"model"}, .mode =
//   LoadMode::kInPlace}).value();
//
// As load() and then load_state_dict(), with two differences: keys are matched before the first
// byte of a tensor is read, and only what the module takes is read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/torch/load.h"
#include "loader/torch/load_state_dict.h"

namespace hardload {

enum class LoadMode {
  // All or nothing: everything is read and verified beside the module first. Takes as much memory
  // again as is loaded: where a parameter of the file's dtype is on a device, there. One on the CPU
  // that is all of its storage, and has the file's dtype and strides, then gets that memory in the
  // place of its own: views, ties and aliases follow; what keeps a raw address of it (data_ptr(),
  // DLPack) does not, and is better served by kInPlace.
  kStaged,
  // Bytes go straight to the module, which takes no more than 64 MiB beside it. All CRC-32s are
  // compared in a first pass, which counts as progress, too; should the file change, or reading
  // fail, in the second, the module is
  // left half old and half new, and the error, kTorn, names what is new. Parameters have to be on
  // the CPU; those of another dtype or other strides than in the file are converted first, within
  // 40 of the 64 MiB.
  kInPlace,
};

struct LoadIntoOptions {
  // The keys on the way to the state dict in the file: {"model"}, {"checkpoint", "state_dict"}.
  std::vector<std::string> path = {};
  LoadMode mode = LoadMode::kStaged;
  LoadOptions load = {};                 // without `only`; map_location matters with assign alone
  LoadStateDictOptions state_dict = {};  // without take_extra_state
};

// Errors: those of load and of load_state_dict; kTorn. Threads: nobody else may use the module.
Result<IncompatibleKeys> load_into(torch::nn::Module& module, const std::string& file,
                                   const LoadIntoOptions& options = {});
Result<IncompatibleKeys> load_into(torch::nn::Module& module,
                                   std::shared_ptr<const ByteSource> source,
                                   const LoadIntoOptions& options = {});

}  // namespace hardload
