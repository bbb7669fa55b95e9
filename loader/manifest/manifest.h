// Manifest: what a checkpoint holds, all of it checked. The narrow waist of the corridor.
//
// Every format ends in a Manifest and every later stage starts from one. It lists the storages
// (runs of bytes in the file), the tensors (views of storages) and their names, and keeps the rest
// of the object tree as Values. That each record has the size its storage needs, and that sizes,
// strides and offset of each tensor stay inside its storage, is proved before a Manifest exists.
//
//   HARDLOAD_ASSIGN(Manifest manifest, describe(source, {}));
//   for (const NamedTensor& named : manifest.named_tensors()) {
//     const TensorSpec& tensor = manifest.tensors()[named.tensor];
//     print(manifest.name(named), manifest.shape(tensor));
//   }
//
// Ownership: owns everything that its accessors lend; moves, does not copy (moving invalidates
// nothing but Values, which are asked for again). Threads: reading from any number of threads.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/container/container.h"
#include "loader/pickle/value.h"

namespace hardload {

// One storage: a record of the file, shared by the tensors that view it.
struct StorageSpec {
  std::string_view key;       // names the record; in a zip "data/KEY"
  std::string_view location;  // where it was when saved: "cpu", "cuda:0"
  Dtype dtype;                // of its elements; uint8 for an untyped storage
  std::uint64_t bytes;
  const Record* record;  // nullptr only for an empty storage without a record
};

// What a tensor's elements are: a strided view of a storage, or made of tensors of their own.
enum class TensorLayout : std::uint8_t {
  kStrided,
  kSparseCoo,
  kSparseCsr,
  kSparseCsc,
  kSparseBsr,
  kSparseBsc,
};

// "strided", "sparse_coo", ...: torch's name without "torch.".
std::string_view to_string(TensorLayout layout);

// One tensor object. Two names may mean one tensor, two tensors may view one storage.
struct TensorSpec {
  static constexpr std::uint32_t kNoStorage = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t storage;  // among Manifest::storages(); kNoStorage: on the meta device, or sparse
  Dtype dtype;
  TensorLayout layout;
  bool requires_grad;
  bool is_parameter;  // an nn.Parameter, not a plain tensor
  bool is_conj;       // elements are to be read conjugated
  bool is_neg;        // elements are to be read negated
  std::uint32_t rank;
  std::uint32_t details;  // of a sparse or quantized tensor; see Manifest::sparse and quantizer
  std::uint64_t dims;     // where shape() and strides() begin; see Manifest
  std::int64_t offset;    // of the first element, in elements
  std::int64_t numel;     // product of the sizes

  bool is_sparse() const { return layout != TensorLayout::kStrided; }
  bool is_quantized() const { return info(dtype).is_quantized; }
  bool is_meta() const { return storage == kNoStorage && !is_sparse(); }
};

// The tensors that a sparse tensor is made of, by their numbers. That their shapes fit each other
// is proved; that the indices are in range is not, for that is tensor data: see sparse_indices.h.
struct SparseSpec {
  std::uint32_t indices;        // COO: [dimensions, elements]; else crow_indices or ccol_indices
  std::uint32_t plain_indices;  // col_indices or row_indices; not for COO
  std::uint32_t values;
  std::optional<bool> is_coalesced;  // COO; torch before 1.13 did not say
};

// How the integers of a quantized tensor become numbers.
struct QuantizerSpec {
  bool is_per_channel;
  double scale;             // per tensor
  std::int64_t zero_point;  // per tensor
  // Per channel, `axis` among the dimensions: one-dimensional tensors, by their numbers.
  std::uint32_t scales, zero_points;
  std::int64_t axis;
};

// A place of the object tree where a tensor is.
struct NamedTensor {
  std::uint32_t tensor;  // among Manifest::tensors()
  std::uint32_t path;    // see Manifest::path
  std::uint32_t name_bytes;
  std::uint64_t name_offset;
};

struct SavedObjects;

class Manifest {
 public:
  std::span<const StorageSpec> storages() const { return storages_; }
  std::span<const TensorSpec> tensors() const { return tensors_; }
  // In the order in which the file has them: of the entries of dicts and lists.
  std::span<const NamedTensor> named_tensors() const { return named_; }

  // Sizes and strides, in elements. Sparse tensors have no strides.
  std::span<const std::int64_t> shape(const TensorSpec& tensor) const {
    return std::span(dims_).subspan(tensor.dims, tensor.rank);
  }
  std::span<const std::int64_t> strides(const TensorSpec& tensor) const {
    return std::span(dims_).subspan(tensor.dims + tensor.rank,
                                    tensor.is_sparse() ? 0 : tensor.rank);
  }

  // What the elements take when they lie densely; for a sparse tensor, those of its parts.
  std::uint64_t nbytes(const TensorSpec& tensor) const;

  // Only where tensor.is_sparse().
  const SparseSpec& sparse(const TensorSpec& tensor) const { return sparse_[tensor.details]; }
  // Only where tensor.is_quantized().
  const QuantizerSpec& quantizer(const TensorSpec& tensor) const {
    return quantizers_[tensor.details];
  }
  // The numbers of the tensors that `tensor` is made of; none for most.
  std::vector<std::uint32_t> parts(const TensorSpec& tensor) const;
  // Where `tensor` was when it was saved: "cpu", "cuda:0", "meta".
  std::string_view location(const TensorSpec& tensor) const;

  // The keys and indices on the way to the tensor, joined by "."; empty for a lone tensor.
  std::string_view name(const NamedTensor& named) const {
    return std::string_view(names_).substr(named.name_offset, named.name_bytes);
  }
  // The same as values: strings for string keys, ints for int keys and for indices.
  std::vector<Value> path(const NamedTensor& named) const;

  // The object that was saved: a dict, mostly. Tensors in it are Values of kind kTensor.
  Value root() const { return Value(graph_, graph_.root); }

  // The file as records.
  const Container& container() const { return *container_; }
  ByteOrder byte_order() const { return container_->byte_order(); }

 private:
  friend Result<Manifest> build_manifest(std::unique_ptr<const Container>, ValueGraph,
                                         const Limits&, const SavedObjects*);
  friend class ShardJoiner;
  friend class SliceJoiner;
  friend class StateDictBuilder;
  friend class StorageTable;
  friend class TensorAppender;
  friend class TensorTable;
  friend class TreeWalk;
  Manifest(std::unique_ptr<const Container> container, ValueGraph graph)
      : container_(std::move(container)), graph_(std::move(graph)) {}

  // A step of a path: the key, and the step before it. Step 0 is the root.
  struct PathStep {
    std::uint32_t parent;
    Slot key;
  };

  std::unique_ptr<const Container> container_;
  ValueGraph graph_;
  std::vector<StorageSpec> storages_;
  std::vector<TensorSpec> tensors_;
  std::vector<SparseSpec> sparse_;
  std::vector<QuantizerSpec> quantizers_;
  std::vector<NamedTensor> named_;
  std::vector<std::int64_t> dims_;  // of each tensor: sizes, then strides
  std::string names_;
  std::vector<PathStep> steps_;
};

}  // namespace hardload
