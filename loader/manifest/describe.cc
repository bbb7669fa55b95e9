#include "loader/manifest/describe.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "loader/base/text.h"
#include "loader/container/identify.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/manifest/manifest_builder.h"
#include "loader/pickle/machine.h"
#include "loader/pickle/value.h"

namespace hardload {
namespace {

// A file that torch.jit.load takes for a module and other readers for a state dict has two
// meanings.
Result<void> check_is_module(const ValueGraph& graph) {
  if (graph.root.kind == ValueKind::kScript) return {};
  return Error(ErrorKind::kUnsupported, Stage::kManifest,
               concat("the file has the records of a TorchScript archive, but what it holds is a ",
                      python_type_name(graph.root.kind), ", not a module"))
      .advise("No version of torch writes this: the file is damaged or crafted, do not use it.");
}

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
  const Dialect dialect = archive.may_be_by_libtorch() ? Dialect::kLibTorch : Dialect::kPython;
  HARDLOAD_ASSIGN(ValueGraph graph, run_pickle(std::move(pickle), archive.pickle().name, limits,
                                               options.unlisted, dialect));
  if (archive.format() == Format::kTorchScript) HARDLOAD_TRY(check_is_module(graph));
  return build_manifest(std::make_unique<TorchArchive>(std::move(archive)), std::move(graph),
                        limits);
}

Result<Manifest> run_stages(const ByteSource& source, const DescribeOptions& options) {
  HARDLOAD_ASSIGN(const FileKind kind, identify(source));
  switch (kind) {
    case FileKind::kZip: return describe_torch_zip(source, options);
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
