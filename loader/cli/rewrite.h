// rewrite_as_torch, rewrite_as_safetensors: what a manifest describes, as a file of either format.
//
//   HARDLOAD_ASSIGN(const PickledManifest made, pickle_manifest(manifest, limits));
//   HARDLOAD_TRY(rewrite_as_torch(reader, made, "model", sink));
//
//   auto tensors = flat_tensors(manifest);
//   HARDLOAD_TRY(rewrite_as_safetensors(reader, tensors, metadata, sink));
//
// Elements go through in bounded memory (storage_reader.h, element_stream.h). What a format cannot
// hold is for the caller to have looked at (losses.h): here it is dropped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_sink.h"
#include "loader/bytes/byte_source.h"
#include "loader/cli/storage_reader.h"
#include "loader/container/container.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/manifest_pickler.h"

namespace hardload {

// A tensor of a flat state dict. Its name lies in the manifest.
struct FlatTensor {
  std::string_view name;
  std::uint32_t tensor;  // among Manifest::tensors()
  std::uint64_t bytes;
};

// All tensors that have a name, in the order of the file.
std::vector<FlatTensor> flat_tensors(const Manifest& manifest);

// kLimit where the elements are more than Limits allow to make of this file: views may show a byte
// many times, and each view becomes a copy.
Result<void> check_flat_size(const ByteSource& source, std::span<const FlatTensor> tensors,
                             const Limits& limits);

// An archive of torch.save, little-endian, with `folder` for its records. Errors: those of the
// sink, of StorageReader and of ZipWriter.
Result<void> rewrite_as_torch(StorageReader& reader, const PickledManifest& made,
                              std::string folder, ByteSink& sink);

// A safetensors file of `tensors`. Errors: those of the sink, of stream_elements and of
// safetensors_header, which come before anything is written.
Result<void> rewrite_as_safetensors(StorageReader& reader, std::span<const FlatTensor> tensors,
                                    std::span<const MetadataEntry> metadata, ByteSink& sink);

}  // namespace hardload
