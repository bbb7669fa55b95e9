#include "loader/cli/rewrite.h"

#include <unordered_map>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/cli/element_stream.h"
#include "loader/container/safetensors_writer.h"
#include "loader/container/torch_archive_writer.h"

namespace hardload {

std::vector<FlatTensor> flat_tensors(const Manifest& manifest) {
  std::vector<FlatTensor> tensors;
  tensors.reserve(manifest.named_tensors().size());
  for (const NamedTensor& named : manifest.named_tensors()) {
    tensors.push_back(
        {manifest.name(named), named.tensor, manifest.nbytes(manifest.tensors()[named.tensor])});
  }
  return tensors;
}

Result<void> check_flat_size(const ByteSource& source, std::span<const FlatTensor> tensors,
                             const Limits& limits) {
  const std::uint64_t most = limits.expanded(source.allocated_bytes());
  std::uint64_t total = 0;
  for (const FlatTensor& tensor : tensors) {
    total = checked_add(total, tensor.bytes).value_or(~std::uint64_t{0});
  }
  if (total <= most) return {};
  return Error(ErrorKind::kLimit, Stage::kCli,
               concat("the tensors have ", total, " bytes of elements, made from a file of ",
                      source.allocated_bytes(), ", over max_expansion"));
}

Result<void> rewrite_as_torch(StorageReader& reader, const PickledManifest& made,
                              std::string folder, ByteSink& sink) {
  TorchArchiveWriter archive(sink, std::move(folder));
  HARDLOAD_TRY(archive.begin(made.pickle, ByteOrder::kLittle));
  for (const std::uint32_t storage : made.storages) {
    HARDLOAD_TRY(archive.begin_storage(reader.manifest().storages()[storage].bytes));
    HARDLOAD_TRY(reader.for_each_window(
        storage, [&](std::span<std::byte> window) { return archive.write(window); }));
    HARDLOAD_TRY(archive.end_storage());
  }
  return archive.finish();
}

Result<void> rewrite_as_safetensors(StorageReader& reader, std::span<const FlatTensor> tensors,
                                    std::span<const MetadataEntry> metadata, ByteSink& sink) {
  const Manifest& manifest = reader.manifest();
  std::vector<SafetensorsEntry> entries;
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  for (const FlatTensor& flat : tensors) {
    const TensorSpec& tensor = manifest.tensors()[flat.tensor];
    if (tensor.is_sparse() || tensor.is_meta()) {
      return Error(ErrorKind::kUnsupported, Stage::kCli,
                   concat("'", flat.name, "' is no dense tensor with data"));
    }
    entries.push_back({flat.name, tensor.dtype, manifest.shape(tensor), flat.bytes});
    numbers.emplace(flat.name, flat.tensor);
  }
  sort_for_safetensors(entries);
  HARDLOAD_ASSIGN(const std::string header, safetensors_header(metadata, entries));
  HARDLOAD_TRY(sink.write(std::as_bytes(std::span(header))));
  for (const SafetensorsEntry& entry : entries) {
    HARDLOAD_TRY(
        stream_elements(reader, manifest.tensors()[numbers.at(entry.name)],
                        [&](std::span<const std::byte> block) { return sink.write(block); }));
  }
  return {};
}

}  // namespace hardload
