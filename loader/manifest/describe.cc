#include "loader/manifest/describe.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "loader/container/identify.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/manifest/legacy_stream.h"
#include "loader/manifest/manifest_builder.h"
#include "loader/manifest/tar_checkpoint.h"
#include "loader/pickle/machine.h"

namespace hardload {
namespace {

Result<Manifest> describe_torch_zip(const ByteSource& source, const DescribeOptions& options) {
  const Limits& limits = options.limits;
  HARDLOAD_ASSIGN(TorchArchive archive, TorchArchive::open(source, limits, options.verify_crc));
  Limits pickle_limits = limits;
  pickle_limits.max_expansion = limits.max_pickle_expansion;
  pickle_limits.expansion_slack_bytes =
      std::min<std::uint64_t>(1 << 20, limits.expansion_slack_bytes);
  HARDLOAD_ASSIGN(Buffer pickle,
                  read_record(source, archive.pickle(),
                              {pickle_limits, limits.max_pickle_bytes, options.verify_crc}));
  HARDLOAD_ASSIGN(ValueGraph graph,
                  run_pickle(std::move(pickle), archive.pickle().name, limits, options.unlisted));
  return build_manifest(std::make_unique<TorchArchive>(std::move(archive)), std::move(graph),
                        limits);
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
    case FileKind::kZip: return describe_torch_zip(source, options);
    case FileKind::kLegacyStream: return describe_legacy_stream(source, options);
    case FileKind::kTar: return describe_tar(source, options);
    default: return explain_kind(source, kind);
  }
}

}  // namespace

Result<Manifest> describe(const ByteSource& source, const DescribeOptions& options) try {
  auto manifest = run_stages(source, options);
  if (manifest.ok() || !manifest.error().source().empty()) return manifest;
  return std::move(manifest).error().in_source(source.name());
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kManifest, "memory for the description ran out")
      .in_source(source.name());
}

}  // namespace hardload
