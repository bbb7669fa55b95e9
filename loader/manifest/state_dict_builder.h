// StateDictBuilder: a Manifest of a format that is a flat state dict: names, and their tensors.
//
// For formats without a pickle. The root of what it makes is a dict of tensors, as if it had been
// saved by torch.save; so everything behind the Manifest is the same for all formats.
//
//   StateDictBuilder builder(std::make_unique<SafetensorsFile>(std::move(file)), limits);
//   const auto storage = builder.add_storage({.key = key, .location = "cpu", ...});
//   HARDLOAD_TRY(builder.add_dense_tensor("fc.weight", storage, Dtype::kFloat32, sizes));
//   return std::move(builder).finish();
//
// The caller has checked that no name is repeated, and that storages fit their records. Threads:
// one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/container/container.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// What a tensor is beside its elements.
struct TensorRole {
  bool is_parameter = false;
  bool requires_grad = false;
};

class StateDictBuilder {
 public:
  // Storages lie in records of `container`, which has about as many as there will be tensors.
  StateDictBuilder(std::unique_ptr<const Container> container, const Limits& limits);

  // Adds a storage, whose texts live as long as the container; its number.
  std::uint32_t add_storage(const StorageSpec& storage);

  // Adds a view of the storage `storage` under `name`, which is UTF-8. Errors: kLayout where it
  // leaves its storage or cannot require a gradient, kLimit for its rank; both name it.
  Result<void> add_tensor(std::string_view name, std::uint32_t storage, Dtype dtype,
                          std::span<const std::int64_t> sizes,
                          std::span<const std::int64_t> strides, std::int64_t offset,
                          TensorRole role = {});
  // The same of a tensor in row-major order from the start of its storage.
  Result<void> add_dense_tensor(std::string_view name, std::uint32_t storage, Dtype dtype,
                                std::span<const std::int64_t> sizes);

  // Errors: kOutOfMemory.
  Result<Manifest> finish() &&;

 private:
  Manifest manifest_;
  const Limits limits_;
  std::vector<Slot> entries_;  // of the root: keys and tensors by turns
  std::vector<std::int64_t> dense_strides_;
};

}  // namespace hardload
