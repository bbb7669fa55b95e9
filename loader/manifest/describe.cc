#include "loader/manifest/describe.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/container/identify.h"
#include "loader/container/pt2_archive.h"
#include "loader/container/record_reader.h"
#include "loader/container/safetensors.h"
#include "loader/container/torch_archive.h"
#include "loader/manifest/legacy_stream.h"
#include "loader/manifest/manifest_builder.h"
#include "loader/manifest/pt2_state_dict.h"
#include "loader/manifest/state_dict_builder.h"
#include "loader/manifest/tar_checkpoint.h"
#include "loader/pickle/machine.h"
#include "loader/pickle/value.h"

namespace hardload {
namespace {

Result<Manifest> describe_pt2(const ByteSource& source, ZipArchive zip,
                              const DescribeOptions& options) {
  HARDLOAD_ASSIGN(Pt2Archive opened,
                  Pt2Archive::open(source, std::move(zip), options.limits, options.verify_crc));
  return build_pt2(std::make_unique<const Pt2Archive>(std::move(opened)), options.limits);
}

// A file that torch.jit.load takes for a module and other readers for a state dict has two
// meanings.
Result<void> check_is_module(const ValueGraph& graph) {
  if (graph.root.kind == ValueKind::kScript) return {};
  return Error(ErrorKind::kUnsupported, Stage::kManifest,
               concat("the file has the records of a TorchScript archive, but what it holds is a ",
                      python_type_name(graph.root.kind), ", not a module"))
      .advise("No version of torch writes this: the file is damaged or crafted, do not use it.");
}

Result<Manifest> describe_torch_zip(const ByteSource& source, ZipArchive zip,
                                    const DescribeOptions& options) {
  const Limits& limits = options.limits;
  HARDLOAD_ASSIGN(TorchArchive archive,
                  TorchArchive::open(source, std::move(zip), limits, options.verify_crc));
  Limits pickle_limits = limits;
  pickle_limits.max_expansion = limits.max_pickle_expansion;
  pickle_limits.expansion_slack_bytes =
      std::min<std::uint64_t>(1 << 20, limits.expansion_slack_bytes);
  HARDLOAD_ASSIGN(Buffer pickle,
                  read_record(source, archive.pickle(),
                              {pickle_limits, limits.max_pickle_bytes, options.verify_crc}));
  const Dialect dialect = archive.may_be_by_libtorch() ? Dialect::kLibTorch : Dialect::kPython;
  HARDLOAD_ASSIGN(ValueGraph graph, run_pickle(std::move(pickle), archive.pickle().name, limits,
                                               options.unlisted, dialect));
  if (archive.format() == Format::kTorchScript) HARDLOAD_TRY(check_is_module(graph));
  return build_manifest(std::make_unique<TorchArchive>(std::move(archive)), std::move(graph),
                        limits);
}

Result<Manifest> describe_zip(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(ZipArchive zip, ZipArchive::open(source, options.limits));
  return Pt2Archive::is_one(zip) ? describe_pt2(source, std::move(zip), options)
                                 : describe_torch_zip(source, std::move(zip), options);
}

Result<Manifest> describe_safetensors(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(SafetensorsFile opened, SafetensorsFile::open(source, options.limits));
  auto owned = std::make_unique<const SafetensorsFile>(std::move(opened));
  const SafetensorsFile& file = *owned;
  StateDictBuilder builder(std::move(owned), options.limits);
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const SafetensorsTensor& tensor = file.tensors()[i];
    const Record& record = file.records()[i];
    const std::uint32_t storage = builder.add_storage({.key = record.name,
                                                       .location = "cpu",
                                                       .dtype = tensor.dtype,
                                                       .bytes = record.bytes,
                                                       .record = &record});
    HARDLOAD_TRY(builder.add_dense_tensor(record.name, storage, tensor.dtype, file.sizes(tensor)));
  }
  return std::move(builder).finish();
}

Result<Manifest> describe_legacy_stream(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(LegacyStream stream,
                  read_legacy_stream(source, options.limits, options.unlisted));
  return build_manifest(std::move(stream.container), std::move(stream.graph), options.limits);
}

Result<Manifest> describe_tar(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(TarCheckpoint tar, read_tar_checkpoint(source, options.limits, options.unlisted));
  return build_manifest(std::move(tar.container), std::move(tar.graph), options.limits,
                        &tar.objects);
}

Result<Manifest> run_stages(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(const FileKind kind, identify(source));
  switch (kind) {
    case FileKind::kZip: return describe_zip(source, options);
    case FileKind::kLegacyStream: return describe_legacy_stream(source, options);
    case FileKind::kTar: return describe_tar(source, options);
    case FileKind::kSafetensors: return describe_safetensors(source, options);
    default: return explain_kind(source, kind);
  }
}

}  // namespace

Result<Manifest> describe(const ByteSource& source, const DescribeOptions& options) try {
  auto manifest = if_unchanged(source, run_stages(source, options));
  if (manifest.ok() || !manifest.error().source().empty()) return manifest;
  return std::move(manifest).error().in_source(source.name());
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kManifest, "memory for the description ran out")
      .in_source(source.name());
}

}  // namespace hardload
