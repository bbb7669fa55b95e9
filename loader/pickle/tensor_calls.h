// TensorCalls: writes the calls by which torch.load makes tensors again.
//
// The calls and their arguments are those of torch/_tensor.py (_reduce_ex_internal) and
// torch/nn/parameter.py; torch/_utils.py has the functions that they name. What a tensor is made of
// is the caller's business: a LibTorch tensor, or a file's description of one.
//
//   TensorCalls calls(pickle);
//   calls.strided({.number = 0, .elements = 6, .storage_class = "FloatStorage", .location = "cpu"},
//                 Dtype::kFloat32, {.sizes = {2, 3}, .strides = {3, 1}});
//
// Ownership: borrows the writer. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/dtype.h"
#include "loader/pickle/pickle_writer.h"

namespace hardload {

// A storage, as a persistent id says it (torch/serialization.py, persistent_id).
struct StorageReference {
  std::size_t number = 0;  // names the record; torch numbers storages in the order of first use
  std::uint64_t elements = 0;
  std::string_view storage_class = {};  // "FloatStorage"; empty for an untyped one
  std::string location = {};            // "cpu", "cuda:0"
};

// How a tensor lies over its storage.
struct TensorView {
  std::int64_t offset = 0;
  std::span<const std::int64_t> sizes = {}, strides = {};
  bool requires_grad = false;
  bool is_conj = false;
  bool is_neg = false;
};

class TensorCalls {
 public:
  using Index = PickleWriter::Index;

  explicit TensorCalls(PickleWriter& pickle) : pickle_(pickle) {}

  // Each of these that returns an index writes a whole object and puts it into the memo.
  Index strided(const StorageReference& storage, Dtype dtype, const TensorView& view);
  Index quantized(const StorageReference& storage, const TensorView& view, double scale,
                  std::int64_t zero_point);
  // Torch keeps neither what meta tensors share nor where they begin.
  Index meta(Dtype dtype, std::span<const std::int64_t> sizes,
             std::span<const std::int64_t> strides, bool requires_grad);

  // Around the scales and the zero points, tensors that the caller writes.
  void open_per_channel(const StorageReference& storage, const TensorView& view);
  Index close_per_channel(std::int64_t axis, bool requires_grad);

  // Around `parts` tensors. `layout`: "torch.sparse_coo", ...; `is_coalesced`: of COO, where known.
  void open_sparse(std::string_view layout, std::size_t parts, std::optional<bool> is_coalesced);
  Index close_sparse(std::span<const std::int64_t> sizes);

  // Around a tensor, the parameter's data; with a state, which is written last.
  void open_parameter(bool has_state);
  void after_parameter_data(bool requires_grad);
  Index close_parameter();

  // Around one of the calls above and its Python attributes, which are written last: the next call
  // becomes the argument of another one.
  void open_with_attributes();
  Index close_with_attributes();

  // A storage by itself.
  void write_storage(const StorageReference& storage);
  // `_get_layout('torch.strided')`, which makes a torch.layout; one object in Python.
  void write_layout(std::string_view name);
  // `torch.Size(sizes)`
  Index write_size(std::span<const std::int64_t> sizes);

 private:
  struct Sparse {
    std::size_t items;
    std::optional<bool> is_coalesced;
  };

  // From the function to the opening of its arguments; from their closing to the call.
  void open(std::string_view module, std::string_view function, std::size_t arguments);
  Index close(std::size_t arguments);
  void geometry(const TensorView& view);
  void metadata(const TensorView& view);
  void no_hooks();

  PickleWriter& pickle_;
  bool is_argument_ = false;             // the next call is one of open_with_attributes
  std::vector<bool> are_arguments_;      // of the calls that are open
  std::vector<std::size_t> parameters_;  // arguments of those that are open
  std::vector<Sparse> sparse_;           // tensors that are open
  std::vector<Index> keys_;              // of storages, by number
  std::map<std::string, Index, std::less<>> layouts_;
};

}  // namespace hardload
