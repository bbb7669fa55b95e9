// ManifestTensors: writes a manifest's tensors as calls that make torch.load build them again.
//
// The half of pickle_manifest (manifest_pickler.h) that knows tensors. Ownership: borrows all.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/pickle/tensor_calls.h"

namespace hardload {

class ManifestTensors {
 public:
  ManifestTensors(PickleWriter& pickle, const Manifest& manifest);

  // Writes tensor `number`, from the memo where it was written before. True where it is left open
  // for its state (`has_state`), behind which close() goes. Errors: kUnsupported for a quantized
  // tensor whose storage is viewed as another type, and for one in what Python calls __slots__,
  // where the manifest looks for none.
  Result<bool> write(std::size_t number, bool has_state);
  void close(std::size_t number);

  // A storage by itself. Errors: as above.
  Result<void> write_storage(std::size_t number);

  TensorCalls& calls() { return calls_; }

  // Among Manifest::storages(), in the order in which they were first referred to.
  const std::vector<std::uint32_t>& storages() const { return storages_; }

 private:
  using Index = PickleWriter::Index;

  Result<Index> write_data(const TensorSpec& tensor);
  Result<Index> write_quantized(const TensorSpec& tensor);
  Result<Index> write_sparse(const TensorSpec& tensor);
  StorageReference refer(std::uint32_t storage, bool untyped, Dtype dtype);
  TensorView view_of(const TensorSpec& tensor) const;

  PickleWriter& pickle_;
  const Manifest& manifest_;
  TensorCalls calls_;
  std::vector<bool> is_untyped_;                     // by storage of the manifest
  std::vector<std::optional<std::size_t>> numbers_;  // the same
  std::vector<std::uint32_t> storages_;
  std::unordered_map<std::size_t, Index> memo_;  // by tensor of the manifest
};

}  // namespace hardload
