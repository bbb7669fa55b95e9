#include "loader/manifest/manifest_tensors.h"

#include <string>
#include <string_view>

#include "loader/base/text.h"

namespace hardload {
namespace {

// Such a one has no number.
Error misplaced(std::string_view what) {
  return Error(ErrorKind::kUnsupported, Stage::kManifest,
               concat("a ", what, " stands where torch.save puts none, and is not written"))
      .advise("Save the parts of the checkpoint that you need.");
}

// The storages that some tensor views as another type than the reference to them names, or that are
// no whole number of its elements, as LibTorch alone lets them be. Torch reads but does not write
// such files: all references say "untyped" then.
std::vector<bool> to_be_untyped(const Manifest& manifest) {
  std::vector<bool> untyped(manifest.storages().size());
  for (std::size_t i = 0; i < untyped.size(); ++i) {
    const StorageSpec& storage = manifest.storages()[i];
    untyped[i] = storage.bytes % item_bytes(storage.dtype) != 0;
  }
  for (const TensorSpec& tensor : manifest.tensors()) {
    if (tensor.storage == TensorSpec::kNoStorage) continue;
    const StorageSpec& storage = manifest.storages()[tensor.storage];
    const bool differs = tensor.dtype != storage.dtype && storage.dtype != Dtype::kUInt8;
    if (storage.bytes != 0 && differs) untyped[tensor.storage] = true;
  }
  return untyped;
}

}  // namespace

ManifestTensors::ManifestTensors(PickleWriter& pickle, const Manifest& manifest)
    : pickle_(pickle),
      manifest_(manifest),
      calls_(pickle),
      is_untyped_(to_be_untyped(manifest)),
      numbers_(manifest.storages().size()) {}

Result<bool> ManifestTensors::write(std::size_t number, bool has_state) {
  if (number >= manifest_.tensors().size()) return misplaced("tensor");
  const auto known = memo_.find(number);
  if (known != memo_.end()) return pickle_.get(known->second), false;
  const TensorSpec& tensor = manifest_.tensors()[number];
  if (tensor.is_parameter) {
    calls_.open_parameter(has_state);
    TensorSpec data = tensor;
    data.requires_grad = false;
    HARDLOAD_TRY(write_data(data));
    calls_.after_parameter_data(tensor.requires_grad);
    if (!has_state) close(number);
    return has_state;
  }
  if (has_state) calls_.open_with_attributes();
  HARDLOAD_ASSIGN(const Index index, write_data(tensor));
  if (!has_state) memo_.emplace(number, index);
  return has_state;
}

void ManifestTensors::close(std::size_t number) {
  memo_.emplace(number, manifest_.tensors()[number].is_parameter ? calls_.close_parameter()
                                                                 : calls_.close_with_attributes());
}

Result<void> ManifestTensors::write_storage(std::size_t number) {
  if (number >= manifest_.storages().size()) return misplaced("storage");
  const Dtype dtype = manifest_.storages()[number].dtype;
  if (is_untyped_[number]) {
    return Error(ErrorKind::kUnsupported, Stage::kManifest,
                 concat("a storage of ", to_string(dtype),
                        " stands by itself, and can only be written as an untyped one"))
        .advise("Save the tensors that lie in it.");
  }
  calls_.write_storage(refer(static_cast<std::uint32_t>(number), dtype == Dtype::kUInt8, dtype));
  return {};
}

Result<ManifestTensors::Index> ManifestTensors::write_data(const TensorSpec& tensor) {
  if (tensor.is_sparse()) return write_sparse(tensor);
  if (tensor.is_meta()) {
    return calls_.meta(tensor.dtype, manifest_.shape(tensor), manifest_.strides(tensor),
                       tensor.requires_grad);
  }
  if (tensor.is_quantized()) return write_quantized(tensor);
  const StorageSpec& storage = manifest_.storages()[tensor.storage];
  const bool untyped = info(tensor.dtype).storage.empty() || is_untyped_[tensor.storage] ||
                       (storage.bytes != 0 && storage.dtype != tensor.dtype);
  return calls_.strided(refer(tensor.storage, untyped, tensor.dtype), tensor.dtype,
                        view_of(tensor));
}

Result<ManifestTensors::Index> ManifestTensors::write_quantized(const TensorSpec& tensor) {
  if (is_untyped_[tensor.storage]) {
    return Error(ErrorKind::kUnsupported, Stage::kManifest,
                 "a quantized tensor shares its memory with a tensor of another type")
        .advise("Clone one of the two before saving.");
  }
  const QuantizerSpec& quantizer = manifest_.quantizer(tensor);
  const StorageReference storage = refer(tensor.storage, /*untyped=*/false, tensor.dtype);
  if (!quantizer.is_per_channel) {
    return calls_.quantized(storage, view_of(tensor), quantizer.scale, quantizer.zero_point);
  }
  calls_.open_per_channel(storage, view_of(tensor));
  HARDLOAD_TRY(write(quantizer.scales, /*has_state=*/false));
  HARDLOAD_TRY(write(quantizer.zero_points, /*has_state=*/false));
  return calls_.close_per_channel(quantizer.axis, tensor.requires_grad);
}

Result<ManifestTensors::Index> ManifestTensors::write_sparse(const TensorSpec& tensor) {
  const auto parts = manifest_.parts(tensor);
  calls_.open_sparse(concat("torch.", to_string(tensor.layout)), parts.size(),
                     manifest_.sparse(tensor).is_coalesced);
  // Those of two tensors may be one object.
  for (const std::uint32_t part : parts) HARDLOAD_TRY(write(part, /*has_state=*/false));
  return calls_.close_sparse(manifest_.shape(tensor));
}

StorageReference ManifestTensors::refer(std::uint32_t storage, bool untyped, Dtype dtype) {
  std::optional<std::size_t>& number = numbers_[storage];
  if (!number) {
    number = storages_.size();
    storages_.push_back(storage);
  }
  const StorageSpec& spec = manifest_.storages()[storage];
  return {.number = *number,
          .elements = untyped ? spec.bytes : spec.bytes / item_bytes(dtype),
          .storage_class = untyped ? std::string_view() : info(dtype).storage,
          .location = std::string(spec.location)};
}

TensorView ManifestTensors::view_of(const TensorSpec& tensor) const {
  return {.offset = tensor.offset,
          .sizes = manifest_.shape(tensor),
          .strides = manifest_.strides(tensor),
          .requires_grad = tensor.requires_grad,
          .is_conj = tensor.is_conj,
          .is_neg = tensor.is_neg};
}

}  // namespace hardload
