#include "loader/torch/saved_storages.h"

#include <utility>

#include <c10/core/Device.h>

#include "loader/base/text.h"

namespace hardload {
namespace {

// torch/serialization.py, location_tag.
void write_location(PickleWriter& pickle, c10::Device device) {
  const std::string name = c10::DeviceTypeName(device.type(), /*lower_case=*/true);
  if (device.is_cpu() || device.type() == c10::DeviceType::MPS) return pickle.constant(name);
  // Python makes this text anew each time.
  pickle.text(device.has_index() ? concat(name, ":", int{device.index()}) : name);
}

}  // namespace

bool SavedStorages::is_untyped(const c10::Storage& storage, Dtype dtype) const {
  return info(dtype).storage.empty() || untyped_.contains(storage.unsafeGetStorageImpl());
}

Result<void> SavedStorages::refer(PickleWriter& pickle, const c10::Storage& storage, Dtype dtype) {
  const c10::StorageImpl* const address = storage.unsafeGetStorageImpl();
  const bool untyped = is_untyped(storage, dtype);
  if (untyped && info(dtype).is_quantized) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 "a quantized tensor shares its memory with a tensor of another type")
        .advise("Clone one of the two.");
  }
  const Dtype element = untyped ? Dtype::kUInt8 : dtype;
  const std::uint64_t bytes = storage.nbytes();

  pickle.open_tuple(5);
  pickle.constant("storage");
  pickle.global(untyped ? "torch.storage" : "torch",
                untyped ? "UntypedStorage" : info(dtype).storage);
  const auto found = known_.find(address);
  if (found != known_.end()) {
    pickle.get(found->second.key);
  } else {
    const auto key = pickle.text(std::to_string(storages_.size()));
    known_.emplace(address, Known{storages_.size(), key, element});
    storages_.push_back(storage);
  }
  const bool same_type = found == known_.end() || found->second.element == element;
  if (bytes != 0 && (!same_type || bytes % item_bytes(element) != 0)) {
    untyped_.insert(address);
    is_wrong_ = true;
  }
  write_location(pickle, storage.device());
  pickle.integer(static_cast<std::int64_t>(bytes / item_bytes(element)));
  pickle.close_tuple(5);
  pickle.op(Opcode::kBinPersId);
  return {};
}

}  // namespace hardload
