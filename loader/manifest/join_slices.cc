#include "loader/manifest/join_slices.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/bytes/buffer.h"
#include "loader/bytes/gathered_source.h"
#include "loader/bytes/joined_source.h"
#include "loader/bytes/slice_source.h"
#include "loader/container/crc32.h"
#include "loader/container/record_reader.h"
#include "loader/manifest/chunk_grid.h"
#include "loader/manifest/distributed_container.h"
#include "loader/manifest/distributed_tree.h"
#include "loader/manifest/layout.h"
#include "loader/manifest/tensor_appender.h"
#include "loader/pickle/graph_part.h"

namespace hardload {
namespace {

using Entry = DistributedMetadata::Entry;
using Slice = DistributedMetadata::Slice;
using Chunk = DistributedMetadata::Chunk;

Error wrong(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kManifest, std::move(problem));
}

// That no byte of a file is in two slices, and each slice in its file.
Result<void> check_slices(std::span<const Slice> slices, const JoinedSource& files,
                          std::span<const std::shared_ptr<const ByteSource>> sources) {
  std::vector<Slice> sorted(slices.begin(), slices.end());
  std::sort(sorted.begin(), sorted.end(), [](const Slice& a, const Slice& b) {
    return std::tie(a.file, a.offset, a.bytes) < std::tie(b.file, b.offset, b.bytes);
  });
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Slice& slice = sorted[i];
    HARDLOAD_TRY(sources[slice.file]->check_range(slice.offset, slice.bytes));
    if (i > 0 && sorted[i - 1].file == slice.file &&
        sorted[i - 1].offset + sorted[i - 1].bytes > slice.offset) {
      return wrong(ErrorKind::kBounds,
                   concat("two slices of this file overlap at its byte ", slice.offset))
          .in_source(files.name_of(slice.file));
    }
  }
  return {};
}

}  // namespace

class SliceJoiner {
 public:
  SliceJoiner(const DistributedMetadata& metadata, const DistributedTree& tree,
              std::vector<std::shared_ptr<const ByteSource>> files,
              std::shared_ptr<const JoinedSource> joined, const DescribeOptions& options)
      : metadata_(metadata),
        tree_(tree),
        files_(std::move(files)),
        joined_(std::move(joined)),
        options_(options),
        container_(std::make_unique<DistributedContainer>()),
        manifest_(nullptr, {}),
        text_(metadata.text()),
        names_budget_(options.limits.walked(metadata.text().size())) {
    // For many small pickles.
    constexpr std::uint64_t kSlack = 1 << 16;
    options_.limits.walk_slack_bytes = std::min(options_.limits.walk_slack_bytes, kSlack);
  }

  Result<Described> join(std::string name) {
    HARDLOAD_TRY(add_tree());
    std::vector<std::shared_ptr<const ByteSource>> parts = files_;
    parts.insert(parts.end(), gathered_.begin(), gathered_.end());
    HARDLOAD_ASSIGN(auto source, JoinedSource::make(std::move(name), std::move(parts)));
    for (std::size_t i = 0; i < files_.size(); ++i) {
      container_->add_file(metadata_.files()[i], source->begin(i));
    }
    for (std::size_t i = 0; i < gathered_.size(); ++i) {
      const std::uint64_t begin = source->begin(files_.size() + i);
      if (i == 0) container_->add_file("", begin);
      container_->place(gathered_records_[i], begin);
    }
    const auto records = container_->records();
    for (std::size_t i = 0; i < storage_records_.size(); ++i) {
      if (storage_records_[i] == kNoRecord) continue;
      manifest_.storages_[i].record = &records[storage_records_[i]];
      manifest_.storages_[i].key = records[storage_records_[i]].name;
    }
    ValueGraph& graph = manifest_.graph_;
    HARDLOAD_ASSIGN(graph.text, Buffer::allocate(text_.size()));
    if (!text_.empty()) std::memcpy(graph.text.bytes().data(), text_.data(), text_.size());
    manifest_.container_ = std::move(container_);
    return Described{std::move(source), std::move(manifest_)};
  }

 private:
  static constexpr std::uint32_t kRootStep = 0;
  static constexpr std::size_t kNoRecord = ~std::size_t{0};

  // A dict or list whose children are being added.
  struct Frame {
    const DistributedTree::Node* node;
    std::uint32_t step;
    std::uint64_t container;  // in the graph
    std::size_t next;
  };

  // In the order of the tree, which is that of the names.
  Result<void> add_tree() {
    manifest_.steps_.push_back({kRootStep, {}});
    manifest_.graph_.root = open(tree_.nodes()[0], kRootStep);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.next == frame.node->children.size()) {
        frames_.pop_back();
        continue;
      }
      const Frame parent = frame;  // open() may add a frame and so move `frame`
      const std::uint32_t child = parent.node->children[frame.next++];
      Slot key, value;
      if (child != DistributedTree::kNothing) {
        const DistributedTree::Node& node = tree_.nodes()[child];
        key = node.key;
        const auto step = static_cast<std::uint32_t>(manifest_.steps_.size());
        manifest_.steps_.push_back({parent.step, key});
        if (node.kind == DistributedTree::Kind::kEntry) {
          const Entry& entry = metadata_.entries()[node.entry];
          auto added = entry.is_tensor ? add_tensor(entry, step) : add_object(entry, step);
          if (!added.ok()) return with_name(added.error(), entry);
          value = *added;
        } else {
          value = open(node, step);
        }
      }
      auto& items = manifest_.graph_.containers[parent.container].items;
      if (parent.node->kind == DistributedTree::Kind::kDict) items.push_back(key);
      items.push_back(value);
    }
    return {};
  }

  Slot open(const DistributedTree::Node& node, std::uint32_t step) {
    auto& containers = manifest_.graph_.containers;
    frames_.push_back({&node, step, containers.size(), 0});
    containers.emplace_back();
    const bool is_dict = node.kind == DistributedTree::Kind::kDict;
    return {is_dict ? ValueKind::kDict : ValueKind::kList, 0, containers.size() - 1};
  }

  Error with_name(const Error& error, const Entry& entry) const {
    Error named(error.kind(), error.stage(),
                concat("at '", metadata_.name(entry).substr(0, 500), "': ", error.problem()));
    if (!error.source().empty()) named = std::move(named).in_source(error.source());
    if (!error.record().empty()) named = std::move(named).in_record(error.record());
    if (error.offset()) named = std::move(named).at(*error.offset());
    return std::move(named).advise(error.advice());
  }

  // What is in a slice: an archive of torch.save, nothing of it deflated, so that it is no larger
  // than the slice.
  Result<Manifest> describe_slice(const Slice& slice) {
    HARDLOAD_ASSIGN(const auto source,
                    SliceSource::make(files_[slice.file], slice.offset, slice.bytes));
    HARDLOAD_ASSIGN(Manifest manifest, describe(*source, options_));
    const Container& archive = manifest.container();
    const auto unsupported = [&](std::string_view problem) {
      return wrong(ErrorKind::kUnsupported,
                   concat("its slice, from byte ", slice.offset, " on, ", problem))
          .in_source(source->name());
    };
    if (archive.format() != Format::kTorchZip) {
      return unsupported("is no archive of torch.save");
    }
    for (const Record& record : archive.records()) {
      if (record.compression != Compression::kStored) return unsupported("is deflated");
    }
    if (!container_->accept(archive.byte_order())) {
      return unsupported("has another byte order than those before");
    }
    records_ += archive.records().size();
    if (records_ > options_.limits.max_records) {
      return wrong(ErrorKind::kLimit, concat("the slices have more records than max_records, ",
                                             options_.limits.max_records));
    }
    return manifest;
  }

  std::string prefix_of(const Slice& slice) const {
    return concat(metadata_.files()[slice.file], "/", slice.offset);
  }
  std::uint64_t begin_of(const Slice& slice) const {
    return joined_->begin(slice.file) + slice.offset;
  }

  const Slice& slice_of(const Entry& entry, std::uint32_t chunk) const {
    return metadata_.slices()[metadata_.chunks(entry)[chunk].slice];
  }

  // `storage` has no record until all records are where they stay; `record` is its number.
  std::uint32_t add_storage(const StorageSpec& storage, std::size_t record) {
    manifest_.storages_.push_back(storage);
    storage_records_.push_back(record);
    return static_cast<std::uint32_t>(manifest_.storages_.size() - 1);
  }

  // A storage of a slice's archive, whose records have been added from `first` on.
  std::uint32_t add_storage(StorageSpec storage, const Manifest& archive, const Slice& slice,
                            std::size_t first) {
    std::size_t record = kNoRecord;
    if (storage.record != nullptr) {
      const Record* const begin = archive.container().records().data();
      record = first + static_cast<std::size_t>(storage.record - begin);
    }
    storage.key = record == kNoRecord ? container_->keep(concat(prefix_of(slice), "/", storage.key))
                                      : std::string_view();
    storage.location = container_->keep(storage.location);
    storage.record = nullptr;
    return add_storage(storage, record);
  }

  // A tensor of the slice's archive, which is of the dtype and shape that the metadata says.
  Result<const TensorSpec*> tensor_of(const Manifest& archive, const Entry& entry,
                                      std::span<const std::int64_t> shape) const {
    const Value root = archive.root();
    if (root.kind() != ValueKind::kTensor) {
      return wrong(ErrorKind::kLayout, concat("there is a ", python_type_name(root.kind()),
                                              " where the metadata says that there is a tensor"));
    }
    const TensorSpec& tensor = archive.tensors()[root.number()];
    if (tensor.is_sparse() || tensor.is_quantized() || tensor.is_meta()) {
      return wrong(ErrorKind::kUnsupported, "it is a sparse, quantized or meta tensor");
    }
    const auto actual = archive.shape(tensor);
    if (tensor.dtype == entry.dtype &&
        std::equal(actual.begin(), actual.end(), shape.begin(), shape.end())) {
      return &tensor;
    }
    return wrong(ErrorKind::kLayout,
                 "the tensor in its slice has another dtype or shape than the metadata says");
  }

  Result<Slot> add_tensor(const Entry& entry, std::uint32_t step) {
    if (info(entry.dtype).is_quantized) {
      return wrong(ErrorKind::kUnsupported, "it is a quantized tensor");
    }
    HARDLOAD_ASSIGN(const ChunkGrid grid, ChunkGrid::arrange(metadata_, entry));
    const auto shape = metadata_.sizes(entry);
    if (grid.chunks.size() == 1) {
      const Slice& slice = slice_of(entry, grid.chunks[0]);
      HARDLOAD_ASSIGN(const Manifest archive, describe_slice(slice));
      HARDLOAD_ASSIGN(const TensorSpec* const found, tensor_of(archive, entry, shape));
      TensorSpec tensor = *found;
      const std::size_t first =
          container_->add(archive.container(), prefix_of(slice), begin_of(slice));
      tensor.storage = add_storage(archive.storages()[tensor.storage], archive, slice, first);
      tensor.is_parameter = tensor.requires_grad = false;
      return add_tensor(tensor, archive.strides(*found), entry, step);
    }
    StorageSpec storage{
        .key = {}, .location = "cpu", .dtype = entry.dtype, .bytes = 0, .record = nullptr};
    std::size_t record = kNoRecord;
    if (grid.chunks.empty()) {  // torch reads nothing of a tensor without elements
      storage.key = container_->keep(concat("/", metadata_.name(entry)));
    } else {
      HARDLOAD_ASSIGN(record, add_chunks(entry, grid, storage));
    }
    TensorSpec tensor{};
    tensor.storage = add_storage(storage, record);
    tensor.dtype = entry.dtype;
    tensor.layout = TensorLayout::kStrided;
    tensor.rank = entry.rank;
    HARDLOAD_ASSIGN(tensor.numel, count_elements(shape));
    std::vector<std::int64_t> strides;
    HARDLOAD_TRY(set_row_major(shape, strides));
    return add_tensor(tensor, strides, entry, step);
  }

  // `tensor` has all but its place among the dims.
  Slot add_tensor(TensorSpec tensor, std::span<const std::int64_t> strides, const Entry& entry,
                  std::uint32_t step) {
    tensor.dims = manifest_.dims_.size();
    for (const std::int64_t size : metadata_.sizes(entry)) manifest_.dims_.push_back(size);
    for (const std::int64_t stride : strides) manifest_.dims_.push_back(stride);
    const auto number = static_cast<std::uint32_t>(manifest_.tensors_.size());
    manifest_.tensors_.push_back(tensor);
    add_name(number, step, metadata_.name(entry));
    ValueGraph::Call call;
    call.constructor = Constructor::kTensorClass;
    call.resolved = number;
    manifest_.graph_.calls.push_back(call);
    return {ValueKind::kTensor, 0, manifest_.graph_.calls.size() - 1};
  }

  void add_name(std::uint32_t tensor, std::uint32_t step, std::string_view name) {
    manifest_.named_.push_back(
        {tensor, step, static_cast<std::uint32_t>(name.size()), manifest_.names_.size()});
    manifest_.names_ += name;
  }

  // Any object but a tensor, with the tensors that are in it.
  Result<Slot> add_object(const Entry& entry, std::uint32_t step) {
    const Slice& slice = slice_of(entry, 0);
    HARDLOAD_ASSIGN(const Manifest archive, describe_slice(slice));
    const std::size_t first =
        container_->add(archive.container(), prefix_of(slice), begin_of(slice));
    const GraphPart::Numbers numbers{static_cast<std::int64_t>(manifest_.tensors_.size()),
                                     static_cast<std::int64_t>(manifest_.storages_.size())};
    const std::uint32_t first_tensor = TensorAppender::append(manifest_, archive);
    for (const StorageSpec& storage : archive.storages()) {
      add_storage(storage, archive, slice, first);
    }
    const GraphPart part(manifest_.graph_, text_, archive.graph_, numbers);
    // The paths in the object go on from that of the entry.
    const auto first_step = static_cast<std::uint32_t>(manifest_.steps_.size());
    const auto moved = [&](std::uint32_t inside) {
      return inside == kRootStep ? step : first_step + inside - 1;
    };
    for (std::size_t i = 1; i < archive.steps_.size(); ++i) {
      manifest_.steps_.push_back(
          {moved(archive.steps_[i].parent), part.moved(archive.steps_[i].key)});
    }
    names_budget_ += options_.limits.max_walk_ratio * archive.graph_.text.size();
    for (const NamedTensor& named : archive.named_tensors()) {
      const bool is_root = named.path == kRootStep;
      const std::string name =
          concat(metadata_.name(entry), is_root ? "" : ".", archive.name(named));
      if (name.size() > names_budget_) {
        return wrong(ErrorKind::kLimit,
                     "the names of the tensors in it are longer than max_walk_ratio allows");
      }
      names_budget_ -= name.size();
      add_name(first_tensor + named.tensor, moved(named.path), name);
    }
    return part.moved(archive.graph_.root);
  }

  // The record of a tensor in chunks; fills in what its storage is.
  Result<std::size_t> add_chunks(const Entry& entry, const ChunkGrid& chunks,
                                 StorageSpec& storage) {
    Grid grid;
    const std::size_t axes = chunks.cut_axes();
    grid.axes.assign(chunks.axes.begin(), chunks.axes.begin() + static_cast<std::ptrdiff_t>(axes));
    grid.unit = item_bytes(entry.dtype);
    for (std::size_t axis = axes; axis < chunks.axes.size(); ++axis) {
      grid.unit *= chunks.axes[axis].size;
    }
    std::vector<Record> records;
    for (const std::uint32_t chunk : chunks.chunks) {
      const Slice& slice = slice_of(entry, chunk);
      HARDLOAD_ASSIGN(const Manifest archive, describe_slice(slice));
      const auto shape = metadata_.sizes(entry, metadata_.chunks(entry)[chunk]);
      HARDLOAD_ASSIGN(const TensorSpec* const tensor, tensor_of(archive, entry, shape));
      const StorageSpec& part = archive.storages()[tensor->storage];
      const bool is_dense = tensor->offset == 0 && !tensor->is_conj && !tensor->is_neg &&
                            part.bytes == archive.nbytes(*tensor) &&
                            is_contiguous(shape, archive.strides(*tensor));
      if (!is_dense || (!records.empty() && part.dtype != storage.dtype)) {
        return wrong(ErrorKind::kUnsupported,
                     concat("chunk ", chunk, " is not dense in row-major order"))
            .advise("Save the tensor as a contiguous one.");
      }
      storage.dtype = part.dtype;
      storage.bytes += part.bytes;
      container_->add(archive.container(), prefix_of(slice), begin_of(slice), part.record);
      records.push_back(*part.record);
      records.back().name = container_->keep(concat(prefix_of(slice), "/", part.record->name));
      records.back().data_offset += begin_of(slice);
      grid.places.push_back(records.back().data_offset);
    }
    HARDLOAD_ASSIGN(auto source, GatheredSource::make(joined_, std::move(grid)));
    std::uint32_t crc = 0;
    const bool have_crcs = std::none_of(records.begin(), records.end(),
                                        [](const Record& record) { return record.lacks_crc32(); });
    if (have_crcs && chunks.is_in_rows()) {
      for (const Record& record : records) crc = crc32_joined(crc, record.crc32, record.bytes);
    } else if (options_.verify_crc) {
      HARDLOAD_ASSIGN(crc, read_crc(*source, records));
    }
    gathered_.push_back(std::move(source));
    gathered_records_.push_back(
        container_->add_gathered(metadata_.name(entry), storage.bytes, have_crcs ? crc : 0));
    return gathered_records_.back();
  }

  // The CRC-32 of all, read once, while that of each chunk is compared with its record's.
  Result<std::uint32_t> read_crc(const GatheredSource& source, std::span<const Record> records) {
    read_bytes_ = checked_add(read_bytes_, source.size()).value_or(~std::uint64_t{0});
    if (read_bytes_ > options_.limits.expanded(joined_->allocated_bytes())) {
      return wrong(ErrorKind::kLimit, "its chunks are over max_expansion");
    }
    constexpr std::uint64_t kWindow = 1 << 20;
    HARDLOAD_ASSIGN(Buffer buffer, Buffer::allocate(std::min(kWindow, source.size())));
    std::vector<std::uint32_t> crcs(records.size());
    std::uint32_t crc = 0;
    for (std::uint64_t done = 0; done < source.size();) {
      auto window = buffer.bytes().first(std::min(kWindow, source.size() - done));
      HARDLOAD_TRY(source.read_at(done, window));
      crc = crc32(window, crc);
      while (!window.empty()) {
        const GatheredSource::Run run = source.run_at(done);
        const auto part = window.first(std::min<std::uint64_t>(run.bytes, window.size()));
        crcs[run.cell] = crc32(part, crcs[run.cell]);
        window = window.subspan(part.size());
        done += part.size();
      }
    }
    for (std::size_t i = 0; i < records.size(); ++i) HARDLOAD_TRY(check_crc(records[i], crcs[i]));
    return crc;
  }

  const DistributedMetadata& metadata_;
  const DistributedTree& tree_;
  const std::vector<std::shared_ptr<const ByteSource>> files_;
  const std::shared_ptr<const JoinedSource> joined_;  // of files_
  DescribeOptions options_;                           // of slices
  std::unique_ptr<DistributedContainer> container_;
  Manifest manifest_;
  std::string text_;  // of the manifest's graph
  std::vector<Frame> frames_;
  std::vector<std::size_t> storage_records_;  // of the manifest's storages: their records
  std::vector<std::shared_ptr<const GatheredSource>> gathered_;
  std::vector<std::size_t> gathered_records_;
  std::uint64_t names_budget_;
  std::uint64_t records_ = 0;
  std::uint64_t read_bytes_ = 0;
};

Result<Described> join_slices(const DistributedMetadata& metadata, std::string name,
                              std::vector<std::shared_ptr<const ByteSource>> files,
                              const DescribeOptions& options) {
  HARDLOAD_ASSIGN(const DistributedTree tree, DistributedTree::build(metadata, options.limits));
  HARDLOAD_ASSIGN(auto joined, JoinedSource::make(name, files));
  HARDLOAD_TRY(check_slices(metadata.slices(), *joined, files));
  return SliceJoiner(metadata, tree, std::move(files), std::move(joined), options)
      .join(std::move(name));
}

}  // namespace hardload
