#include "loader/torch/saved_storages.h"

#include <string>
#include <string_view>

#include <c10/core/Device.h>

#include "loader/base/text.h"

namespace hardload {
namespace {

// torch/serialization.py, location_tag.
std::string location_of(c10::Device device) {
  const std::string name = c10::DeviceTypeName(device.type(), /*lower_case=*/true);
  if (device.is_cpu() || device.type() == c10::DeviceType::MPS || !device.has_index()) return name;
  return concat(name, ":", int{device.index()});
}

}  // namespace

bool SavedStorages::is_untyped(const c10::Storage& storage, Dtype dtype) const {
  return info(dtype).storage.empty() || untyped_.contains(storage.unsafeGetStorageImpl());
}

Result<StorageReference> SavedStorages::refer(const c10::Storage& storage, Dtype dtype) {
  const c10::StorageImpl* const address = storage.unsafeGetStorageImpl();
  const bool untyped = is_untyped(storage, dtype);
  if (untyped && info(dtype).is_quantized) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 "a quantized tensor shares its memory with a tensor of another type")
        .advise("Clone one of the two.");
  }
  const Dtype element = untyped ? Dtype::kUInt8 : dtype;
  const std::uint64_t bytes = storage.nbytes();
  const auto [found, is_new] = known_.emplace(address, Known{storages_.size(), element});
  if (is_new) storages_.push_back(storage);
  if (bytes != 0 && (found->second.element != element || bytes % item_bytes(element) != 0)) {
    untyped_.insert(address);
    is_wrong_ = true;
  }
  return StorageReference{.number = found->second.number,
                          .elements = bytes / item_bytes(element),
                          .storage_class = untyped ? std::string_view() : info(dtype).storage,
                          .location = location_of(storage.device())};
}

}  // namespace hardload
