// Fields: one dict of an optimizer's saved state, each value read as what it has to be.
//
//   Fields fields(tensors, dict, "state.3");
//   HARDLOAD_TRY(fields.count("step", step));                          // 3, or tensor(3.)
//   HARDLOAD_TRY(fields.tensor("exp_avg", {sizes, param}, exp_avg));   // a copy
//   HARDLOAD_TRY(fields.nothing_else());
//
// Errors: kKey where a value is missing, of another kind, or out of range; the message begins with
// the value's path, "state.3.exp_avg". Ownership: borrows all it is given. Threads: one at a time.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loader/base/result.h"
#include "loader/torch/checkpoint.h"

namespace hardload {

// `name`, a key that a file chose, for a message: the beginning of a long one.
std::string shown_name(std::string_view name);

// The tensors of an optimizer's state, copied out of a checkpoint.
class StateTensors {
 public:
  // What a tensor has to be: of these sizes, and cast for this parameter.
  struct Want {
    at::IntArrayRef sizes;
    const at::Tensor& param;
  };

  explicit StateTensors(const Checkpoint& checkpoint) : checkpoint_(&checkpoint) {}

  // The tensor itself, as it was loaded.
  const at::Tensor& tensor(Value value) const { return checkpoint_->tensor(value); }

  // A copy of the tensor `value`. As in torch/optim/optimizer.py
  // (_process_value_according_to_param_policy) it takes the parameter's dtype where that is a
  // floating-point one, and its device.
  Result<at::Tensor> copy(Value value, const std::string& path, const Want& want);

  // The number in a tensor of one element.
  Result<double> number(Value value, const std::string& path) const;

  // An error where two of the tensors that were copied lie in the same memory: Python would step
  // both at once, which copies cannot.
  Result<void> require_disjoint();

 private:
  struct Range {
    std::uintptr_t storage;
    std::int64_t begin, end;  // in bytes
    std::string path;
    auto operator<=>(const Range&) const = default;
  };

  const Checkpoint* checkpoint_;
  std::vector<Range> ranges_;
};

class Fields {
 public:
  // `dict` is a mapping, `path` what messages call it.
  Fields(StateTensors& tensors, Value dict, std::string path)
      : tensors_(&tensors), dict_(dict), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool empty() const { return dict_.size() == 0; }

  // The error that the value under `key` is not as it should be.
  Error wrong(std::string_view key, std::string_view what) const;

  // Whether a value may be missing, or None. `out` stays as it is then.
  enum class Need { kRequired, kOptional };

  // A float, an int, or a tensor of one element.
  Result<void> number(std::string_view key, double& out, Need need = Need::kRequired);
  // Two of them.
  Result<void> numbers(std::string_view key, double& first, double& second);
  // A whole number from 0 to 2^53, of any of those types.
  Result<void> count(std::string_view key, std::int64_t& out);
  // A bool, or an int as one.
  Result<void> flag(std::string_view key, bool& out, Need need = Need::kRequired);
  // A string.
  Result<void> text(std::string_view key, std::optional<std::string>& out, Need need);

  using Want = StateTensors::Want;
  Result<void> tensor(std::string_view key, const Want& want, at::Tensor& out,
                      Need need = Need::kRequired);
  // A number as a tensor without dimensions.
  Result<void> scalar(std::string_view key, const at::Tensor& param, at::Tensor& out, Need need);
  // A list of at most `most` tensors.
  Result<void> tensors(std::string_view key, const Want& want, std::size_t most,
                       std::deque<at::Tensor>& out, Need need);
  // A list of at most `most` numbers, each like scalar(); None in it is an undefined tensor.
  Result<void> scalars(std::string_view key, const at::Tensor& param, std::size_t most,
                       std::deque<at::Tensor>& out, Need need);

  // An error where the dict holds a key that none of the calls above has asked for.
  Result<void> nothing_else() const;

 private:
  std::string path_of(std::string_view key) const;
  // The value; nullopt where there is none and none is needed. Remembers that it was asked for.
  Result<std::optional<Value>> find(std::string_view key, Need need);
  // The list, of at most `most` values.
  Result<std::optional<Value>> list(std::string_view key, std::size_t most, Need need);
  Result<double> number_of(Value value, const std::string& path) const;
  Result<at::Tensor> scalar_of(Value value, const std::string& path, const at::Tensor& param);

  StateTensors* tensors_;
  Value dict_;
  std::string path_;
  std::vector<std::string_view> asked_;
};

}  // namespace hardload
