// Checkpoint: a loaded file, tensors and plain values.
//
//   HARDLOAD_ASSIGN(Checkpoint checkpoint, load("training.pt"));
//   HARDLOAD_ASSIGN(StateDict weights, checkpoint.state_dict("model"));
//   if (const auto epoch = checkpoint.root().find("epoch")) resume_at(epoch->as_int().value_or(0));
//
// Ownership: copies share tensors and values; Values borrowed from one stay valid while any copy
// lives. Its tensors own their memory, independent of the file, unless it was loaded mapped.
// Threads: reading from any number of threads.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/torch/state_dict.h"
#include "loader/transfer/transfer.h"

namespace hardload {

class Checkpoint {
 public:
  // `tensors` go by the manifest's numbers.
  Checkpoint(std::shared_ptr<const Manifest> manifest, std::vector<at::Tensor> tensors,
             TransferReport report)
      : manifest_(std::move(manifest)), tensors_(std::move(tensors)), report_(report) {}

  // What the file holds: names, shapes, storages.
  const Manifest& manifest() const { return *manifest_; }

  // The object that was saved. Tensors in it: see tensor().
  Value root() const { return manifest_->root(); }

  // The tensor that `value`, a Value of kind kTensor of this checkpoint, stands for.
  const at::Tensor& tensor(Value value) const { return tensors_[value.number()]; }

  // All tensors, by the manifest's numbers.
  std::span<const at::Tensor> tensors() const { return tensors_; }

  // The first tensor of this name: keys and indices joined by "." (so that the key "a.b", and "b"
  // in "a", have one name). Linear in their number. Errors: kKey.
  Result<at::Tensor> tensor(std::string_view name) const;

  // The saved dict, or the dict under the key `key` of it, as a state dict. Errors: kKey where
  // there is no such dict, or where a key of it is not a string.
  Result<StateDict> state_dict() const { return state_dict(root()); }
  Result<StateDict> state_dict(std::string_view key) const;
  Result<StateDict> state_dict(Value dict) const;

  // Bytes loaded, and how many of them were verified.
  const TransferReport& report() const { return report_; }

 private:
  std::shared_ptr<const Manifest> manifest_;
  std::vector<at::Tensor> tensors_;
  TransferReport report_;
};

}  // namespace hardload
