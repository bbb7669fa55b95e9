// Checkpoint: a loaded file, tensors and plain values.
//
//   HARDLOAD_ASSIGN(Checkpoint checkpoint, load("training.pt"));
//   HARDLOAD_ASSIGN(StateDict weights, checkpoint.state_dict("model"));
//   if (const auto epoch = checkpoint.root().find("epoch")) resume_at(epoch->as_int().value_or(0));
//
// Ownership: copies share everything, and cost a pointer; Values borrowed from one stay valid while
// any copy lives. Its tensors own their memory, independent of the file, unless it was loaded
// mapped. Threads: reading from any number of threads.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include "loader/base/result.h"
#include "loader/container/container.h"
#include "loader/manifest/manifest.h"
#include "loader/torch/state_dict.h"
#include "loader/transfer/transfer.h"

namespace hardload {

class Checkpoint {
 public:
  // `tensors` and `storages` go by the manifest's numbers.
  Checkpoint(std::shared_ptr<const Manifest> manifest, std::vector<at::Tensor> tensors,
             std::vector<c10::Storage> storages, TransferReport report)
      : content_(std::make_shared<const Content>(
            Content{std::move(manifest), std::move(tensors), std::move(storages), report})) {}

  // What the file holds: names, shapes, storages.
  const Manifest& manifest() const { return *content_->manifest; }

  // The object that was saved. Tensors in it: see tensor().
  Value root() const { return manifest().root(); }

  // The tensor that `value`, a Value of kind kTensor of this checkpoint, stands for.
  const at::Tensor& tensor(Value value) const { return content_->tensors[value.number()]; }

  // All tensors, by the manifest's numbers.
  std::span<const at::Tensor> tensors() const { return content_->tensors; }

  // The storages that they view, by the manifest's numbers. A file may have some that none views.
  std::span<const c10::Storage> storages() const { return content_->storages; }

  // The first tensor of this name: keys and indices joined by "." (so that the key "a.b", and "b"
  // in "a", have one name). Linear in their number. Errors: kKey.
  Result<at::Tensor> tensor(std::string_view name) const;

  // The saved dict, or the dict under the key `key` of it, as a state dict; or that at the end of a
  // path of keys and indices: state_dict({"models", "0", "ema"}). Errors: kKey where there is no
  // such dict, or where a key of it is not a string. Of a TorchScript module: its tensors and those
  // of the modules in it (script_state.h).
  Result<StateDict> state_dict() const { return state_dict(root()); }
  Result<StateDict> state_dict(std::string_view key) const;
  Result<StateDict> state_dict(std::initializer_list<std::string_view> path) const {
    return state_dict_at({path.begin(), path.end()});
  }
  Result<StateDict> state_dict_at(const std::vector<std::string>& path) const;
  Result<StateDict> state_dict(Value dict) const;

  // `__metadata__` of a safetensors file: keys and texts, which live as long as any copy of this.
  std::span<const MetadataEntry> metadata() const { return manifest().container().metadata(); }

  // Bytes loaded, and how many of them were verified.
  const TransferReport& report() const { return content_->report; }

 private:
  struct Content {
    std::shared_ptr<const Manifest> manifest;
    std::vector<at::Tensor> tensors;
    std::vector<c10::Storage> storages;
    TransferReport report;
  };
  std::shared_ptr<const Content> content_;
};

// A value of a checkpoint, and the checkpoint that keeps it alive.
struct SavedValue {
  Checkpoint checkpoint;
  Value value;
};

}  // namespace hardload
