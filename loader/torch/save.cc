#include "loader/torch/save.h"

#include <bit>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "loader/base/text.h"
#include "loader/bytes/file_writer.h"
#include "loader/container/container.h"
#include "loader/container/torch_archive_writer.h"
#include "loader/container/zip_writer.h"
#include "loader/torch/guard.h"
#include "loader/torch/to_tree.h"
#include "loader/torch/tree_pickler.h"

namespace hardload {
namespace {

// The bytes of `storage` in host memory: itself, or a copy.
c10::Storage on_host(const c10::Storage& storage) {
  if (storage.device().is_cpu()) return storage;
  const auto options = at::TensorOptions().dtype(c10::ScalarType::Byte).device(storage.device());
  at::Tensor whole = at::empty({0}, options);
  whole.set_(storage, 0, {static_cast<std::int64_t>(storage.nbytes())}, {1});
  return whole.cpu().storage();
}

Result<void> write_storage(TorchArchiveWriter& archive, const c10::Storage& storage,
                           std::size_t number) {
  const c10::Storage host = on_host(storage);
  if (host.nbytes() != 0 && host.data() == nullptr) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 concat("the memory of storage ", number, " was given up"))
        .advise("Save before the storage is resized or sharded.");
  }
  HARDLOAD_TRY(archive.begin_storage(host.nbytes()));
  HARDLOAD_TRY(archive.write({static_cast<const std::byte*>(host.data()), host.nbytes()}));
  return archive.end_storage();
}

Result<void> write_archive(const PickledTree& tree, ByteSink& sink, std::string folder,
                           std::uint64_t alignment) {
  TorchArchiveWriter archive(sink, std::move(folder), alignment);
  const bool little = std::endian::native == std::endian::little;
  HARDLOAD_TRY(archive.begin(tree.pickle, little ? ByteOrder::kLittle : ByteOrder::kBig));
  for (std::size_t i = 0; i < tree.storages.size(); ++i) {
    HARDLOAD_TRY(write_storage(archive, tree.storages[i], i));
  }
  return archive.finish();
}

// All that can be checked before the first byte is written.
Result<PickledTree> pickled(const Tree& tree, const SaveOptions& options) {
  if (!ZipWriter::is_alignment(options.alignment)) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 concat("the alignment ", options.alignment,
                        " is no power of two between 16 and 32768"))
        .advise("Use 64, or 4096 for files that are mapped.");
  }
  HARDLOAD_ASSIGN(PickledTree result, pickle_tree(tree, options.limits));
  if (result.storages.size() + 16 > options.limits.max_records) {
    return Error(ErrorKind::kLimit, Stage::kTorch,
                 concat("there are ", result.storages.size(),
                        " storages, which is over max_records, ", options.limits.max_records))
        .advise("Let tensors share storages, or raise the limit here and where it is loaded.");
  }
  return result;
}

}  // namespace

Result<void> save(const Tree& tree, ByteSink& sink, const SaveOptions& options) {
  return guarded([&]() -> Result<void> {
    const at::NoGradGuard no_grad;
    HARDLOAD_ASSIGN(const PickledTree result, pickled(tree, options));
    return write_archive(result, sink, "archive", options.alignment);
  });
}

Result<void> save(const Tree& tree, const std::string& path, const SaveOptions& options) {
  auto saved = guarded([&]() -> Result<void> {
    const at::NoGradGuard no_grad;
    HARDLOAD_ASSIGN(const PickledTree result, pickled(tree, options));
    HARDLOAD_ASSIGN(FileWriter file, FileWriter::open(path, {.replace_link = options.replace_link,
                                                             .sync = options.sync}));
    HARDLOAD_TRY(write_archive(result, file, archive_folder(path), options.alignment));
    return file.commit();
  });
  if (saved.ok() || !saved.error().source().empty()) return saved;
  return std::move(saved).error().in_source(path);
}

Result<void> save(const StateDict& state, const std::string& path, const SaveOptions& options) {
  return guarded([&] { return save(Tree(state), path, options); });
}

Result<void> save(const Checkpoint& checkpoint, const std::string& path,
                  const SaveOptions& options) {
  return guarded([&]() -> Result<void> {
    auto tree = to_tree(checkpoint);
    if (!tree.ok()) return std::move(tree).error().in_source(path);
    return save(*tree, path, options);
  });
}

}  // namespace hardload
