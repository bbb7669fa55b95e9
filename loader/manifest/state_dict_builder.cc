#include "loader/manifest/state_dict_builder.h"

#include <algorithm>
#include <utility>

#include "loader/base/text.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

constexpr std::uint32_t kRootStep = 0;

Error in_tensor(std::string_view name, ErrorKind kind, std::string_view problem) {
  return Error(kind, Stage::kManifest, concat("at '", name.substr(0, 500), "': ", problem));
}

}  // namespace

StateDictBuilder::StateDictBuilder(std::unique_ptr<const Container> container, const Limits& limits)
    : manifest_(std::move(container), ValueGraph()), limits_(limits) {
  const std::size_t likely = manifest_.container_->records().size();
  manifest_.storages_.reserve(likely);
  manifest_.tensors_.reserve(likely);
  manifest_.named_.reserve(likely);
  manifest_.steps_.reserve(likely + 1);
  manifest_.graph_.calls.reserve(likely);
  manifest_.dims_.reserve(4 * likely);
  entries_.reserve(2 * likely);
  std::size_t name_bytes = 0;
  for (const Record& record : manifest_.container_->records()) name_bytes += record.name.size();
  manifest_.names_.reserve(name_bytes);
  manifest_.steps_.push_back({kRootStep, {}});
}

std::uint32_t StateDictBuilder::add_storage(const StorageSpec& storage) {
  manifest_.storages_.push_back(storage);
  return static_cast<std::uint32_t>(manifest_.storages_.size() - 1);
}

Result<void> StateDictBuilder::add_tensor(std::string_view name, std::uint32_t storage, Dtype dtype,
                                          std::span<const std::int64_t> sizes,
                                          std::span<const std::int64_t> strides,
                                          std::int64_t offset, TensorRole role) {
  if (role.requires_grad && !info(dtype).is_floating && !info(dtype).is_complex) {
    return in_tensor(name, ErrorKind::kLayout, "a tensor of integers requires a gradient");
  }
  if (sizes.size() > limits_.max_rank) {
    return in_tensor(
        name, ErrorKind::kLimit,
        concat("a tensor has ", sizes.size(), " dimensions, over max_rank, ", limits_.max_rank));
  }
  const auto numel =
      check_layout(sizes, strides, offset, item_bytes(dtype), manifest_.storages_[storage].bytes);
  if (!numel.ok()) return in_tensor(name, numel.error().kind(), numel.error().problem());
  const auto number = static_cast<std::uint32_t>(manifest_.tensors_.size());
  manifest_.tensors_.push_back({.storage = storage,
                                .dtype = dtype,
                                .layout = TensorLayout::kStrided,
                                .requires_grad = role.requires_grad,
                                .is_parameter = role.is_parameter,
                                .is_conj = false,
                                .is_neg = false,
                                .rank = static_cast<std::uint32_t>(sizes.size()),
                                .details = 0,
                                .dims = manifest_.dims_.size(),
                                .offset = offset,
                                .numel = *numel});
  for (const std::int64_t size : sizes) manifest_.dims_.push_back(size);
  for (const std::int64_t stride : strides) manifest_.dims_.push_back(stride);

  // The graph's text will be the names, one behind the other.
  const std::uint64_t text = manifest_.names_.size();
  const auto length = static_cast<std::uint32_t>(name.size());
  const Slot key = {ValueKind::kString, length, text};
  manifest_.names_ += name;
  manifest_.named_.push_back(
      {number, static_cast<std::uint32_t>(manifest_.steps_.size()), length, text});
  manifest_.steps_.push_back({kRootStep, key});
  ValueGraph::Call call;
  call.resolved = number;
  entries_.push_back(key);
  entries_.push_back({ValueKind::kTensor, 0, manifest_.graph_.calls.size()});
  manifest_.graph_.calls.push_back(call);
  return {};
}

Result<void> StateDictBuilder::add_dense_tensor(std::string_view name, std::uint32_t storage,
                                                Dtype dtype, std::span<const std::int64_t> sizes) {
  const auto set = set_row_major(sizes, dense_strides_);
  if (!set.ok()) return in_tensor(name, set.error().kind(), set.error().problem());
  return add_tensor(name, storage, dtype, sizes, dense_strides_, 0);
}

Result<Manifest> StateDictBuilder::finish() && {
  HARDLOAD_ASSIGN(Buffer text, Buffer::allocate(manifest_.names_.size()));
  const auto names = std::as_bytes(std::span(manifest_.names_));
  std::copy(names.begin(), names.end(), text.bytes().begin());
  ValueGraph& graph = manifest_.graph_;
  graph.text = std::move(text);
  graph.containers.push_back({std::move(entries_)});
  graph.root = {ValueKind::kDict, 0, 0};
  return std::move(manifest_);
}

}  // namespace hardload
