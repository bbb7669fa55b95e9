#include "loader/torch/optimizer_fields.h"

#include <algorithm>
#include <cmath>

#include <ATen/MemoryOverlap.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/ScalarType.h>

#include "loader/base/text.h"
#include "loader/torch/guard.h"

namespace hardload {
namespace {

Error wrong_value(std::string_view path, std::string_view what) {
  return Error(ErrorKind::kKey, Stage::kTorch, concat(path, " ", what))
      .advise("Check that the file belongs to this model and this optimizer.");
}

Error unsupported(std::string_view path, std::string_view what, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, concat(path, " ", what)).advise(advice);
}

Error wrong_kind(std::string_view path, Value value, std::string_view wanted) {
  return wrong_value(path, concat("is a ", python_type_name(value.kind()), ", not ", wanted));
}

std::string element_path(const std::string& path, std::size_t i) { return concat(path, ".", i); }

std::string shape_text(at::IntArrayRef sizes) {
  std::string text = "[";
  for (const std::int64_t size : sizes) append(text, text.size() > 1 ? ", " : "", size);
  return text + "]";
}

bool has_numbers(const at::Tensor& tensor) {
  const at::ScalarType type = tensor.scalar_type();
  return c10::isFloatingType(type) || c10::isIntegralType(type, /*includeBool=*/true);
}

}  // namespace

std::string shown_name(std::string_view name) {
  constexpr std::size_t kMost = 100;
  return name.size() <= kMost ? std::string(name) : concat(name.substr(0, kMost), "...");
}

Result<at::Tensor> StateTensors::copy(Value value, const std::string& path, const Want& want) {
  if (value.kind() != ValueKind::kTensor) return wrong_kind(path, value, "a tensor");
  const at::Tensor saved = checkpoint_->tensor(value).detach();
  if (saved.sizes() != want.sizes) {
    return wrong_value(path, concat("has the shape ", shape_text(saved.sizes()), ", and ",
                                    shape_text(want.sizes), " is needed"));
  }
  if (saved.is_meta()) {
    return unsupported(path, "is on the meta device and has no data",
                       "Load the file without map_location \"meta\".");
  }
  if (saved.is_complex() ? !want.param.is_complex() : !has_numbers(saved)) {
    return wrong_value(path, "is a tensor whose dtype does not go with its parameter's");
  }
  // Each element has bytes of its own, so that copies cannot grow larger than the file.
  if (at::has_internal_overlap(saved) == at::MemOverlap::Yes) {
    return unsupported(path, "is an expanded view, whose elements share memory",
                       "Save a copy of it, made with clone().");
  }
  if (saved.numel() > 0) {
    std::int64_t last = saved.storage_offset();
    for (std::int64_t i = 0; i < saved.dim(); ++i) last += (saved.size(i) - 1) * saved.stride(i);
    const auto bytes = static_cast<std::int64_t>(saved.itemsize());
    ranges_.push_back({reinterpret_cast<std::uintptr_t>(saved.storage().unsafeGetStorageImpl()),
                       saved.storage_offset() * bytes, (last + 1) * bytes, path});
  }
  const bool cast = want.param.is_floating_point() || want.param.is_complex();
  const auto type = cast ? want.param.scalar_type() : saved.scalar_type();
  auto copied = guarded([&]() -> Result<at::Tensor> {
    return saved.resolve_conj().resolve_neg().to(want.param.device(), type, /*non_blocking=*/false,
                                                 /*copy=*/true, at::MemoryFormat::Preserve);
  });
  if (copied.ok()) return copied;
  return Error(copied.error().kind(), Stage::kTorch, concat(path, ": ", copied.error().problem()))
      .advise("Check that the file belongs to this model and this optimizer.");
}

Result<double> StateTensors::number(Value value, const std::string& path) const {
  const at::Tensor& saved = checkpoint_->tensor(value);
  if (saved.numel() != 1 || !has_numbers(saved)) {
    return wrong_value(path, concat("is a tensor of the shape ", shape_text(saved.sizes()),
                                    ", not a number or a tensor of one"));
  }
  if (saved.is_meta()) {
    return unsupported(path, "is on the meta device and has no data",
                       "Load the file without map_location \"meta\".");
  }
  return guarded([&]() -> Result<double> { return saved.detach().to(at::kDouble).item<double>(); });
}

Result<void> StateTensors::require_disjoint() {
  std::sort(ranges_.begin(), ranges_.end());
  // Sorted by where they begin, some two overlap exactly if two neighbours do.
  const auto found = std::adjacent_find(
      ranges_.begin(), ranges_.end(),
      [](const Range& a, const Range& b) { return a.storage == b.storage && b.begin < a.end; });
  if (found == ranges_.end()) return {};
  const auto [first, second] = std::minmax(found[0].path, found[1].path);
  return unsupported(second, concat("shares memory with ", first),
                     "Save copies of the two, made with clone().");
}

Error Fields::wrong(std::string_view key, std::string_view what) const {
  return wrong_value(path_of(key), what);
}

std::string Fields::path_of(std::string_view key) const { return concat(path_, ".", key); }

Result<std::optional<Value>> Fields::find(std::string_view key, Need need) {
  asked_.push_back(key);
  const auto value = dict_.find(key);
  if (value && value->kind() != ValueKind::kNone) return value;
  if (need == Need::kOptional) return std::optional<Value>();
  return wrong_value(path_, concat(value ? "has None for '" : "has no '", key, "'"));
}

Result<double> Fields::number_of(Value value, const std::string& path) const {
  if (value.kind() == ValueKind::kTensor) return tensors_->number(value, path);
  if (const auto number = value.as_float()) return *number;
  return wrong_kind(path, value, "a number");
}

Result<void> Fields::number(std::string_view key, double& out, Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return {};
  HARDLOAD_ASSIGN(out, number_of(*value, path_of(key)));
  return {};
}

Result<void> Fields::numbers(std::string_view key, double& first, double& second) {
  HARDLOAD_ASSIGN(const auto pair, find(key, Need::kRequired));
  if (!pair->is_sequence() || pair->size() != 2) return wrong(key, "is not a pair of numbers");
  HARDLOAD_ASSIGN(first, number_of(pair->item(0), element_path(path_of(key), 0)));
  HARDLOAD_ASSIGN(second, number_of(pair->item(1), element_path(path_of(key), 1)));
  return {};
}

Result<void> Fields::count(std::string_view key, std::int64_t& out) {
  constexpr double kMost = std::int64_t{1} << 53;  // up to here a double holds every whole number
  double number = 0;
  HARDLOAD_TRY(this->number(key, number));
  // NaN compares false.
  if (!(number >= 0 && number <= kMost) || number != std::floor(number)) {
    return wrong(key, "is not a whole number from 0 to 2^53");
  }
  out = static_cast<std::int64_t>(number);
  return {};
}

Result<void> Fields::flag(std::string_view key, bool& out, Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return {};
  const auto integer = value->as_int();
  if (!integer) return wrong_kind(path_of(key), *value, "a bool");
  out = *integer != 0;
  return {};
}

Result<void> Fields::text(std::string_view key, std::optional<std::string>& out, Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return {};
  const auto text = value->as_string();
  if (!text) return wrong_kind(path_of(key), *value, "a str");
  out.emplace(*text);
  return {};
}

Result<void> Fields::tensor(std::string_view key, const Want& want, at::Tensor& out, Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return {};
  HARDLOAD_ASSIGN(out, tensors_->copy(*value, path_of(key), want));
  return {};
}

Result<at::Tensor> Fields::scalar_of(Value value, const std::string& path,
                                     const at::Tensor& param) {
  HARDLOAD_ASSIGN(const double number, number_of(value, path));
  if (value.kind() != ValueKind::kTensor) return at::scalar_tensor(number, at::kDouble);
  HARDLOAD_ASSIGN(at::Tensor copied,
                  tensors_->copy(value, path, {tensors_->tensor(value).sizes(), param}));
  return copied.reshape({});
}

Result<void> Fields::scalar(std::string_view key, const at::Tensor& param, at::Tensor& out,
                            Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return {};
  HARDLOAD_ASSIGN(out, scalar_of(*value, path_of(key), param));
  return {};
}

Result<std::optional<Value>> Fields::list(std::string_view key, std::size_t most, Need need) {
  HARDLOAD_ASSIGN(const auto value, find(key, need));
  if (!value) return value;
  if (!value->is_sequence()) return wrong_kind(path_of(key), *value, "a list");
  if (value->size() > most) {
    return wrong(key, concat("has ", value->size(), " elements, and at most ", most, " fit"));
  }
  return value;
}

Result<void> Fields::tensors(std::string_view key, const Want& want, std::size_t most,
                             std::deque<at::Tensor>& out, Need need) {
  HARDLOAD_ASSIGN(const auto items, list(key, most, need));
  for (std::size_t i = 0; items && i < items->size(); ++i) {
    HARDLOAD_ASSIGN(out.emplace_back(),
                    tensors_->copy(items->item(i), element_path(path_of(key), i), want));
  }
  return {};
}

Result<void> Fields::scalars(std::string_view key, const at::Tensor& param, std::size_t most,
                             std::deque<at::Tensor>& out, Need need) {
  HARDLOAD_ASSIGN(const auto items, list(key, most, need));
  for (std::size_t i = 0; items && i < items->size(); ++i) {
    at::Tensor& scalar = out.emplace_back();
    if (items->item(i).kind() == ValueKind::kNone) continue;
    HARDLOAD_ASSIGN(scalar, scalar_of(items->item(i), element_path(path_of(key), i), param));
  }
  return {};
}

Result<void> Fields::nothing_else() const {
  for (std::size_t i = 0; i < dict_.size(); ++i) {
    const auto key = dict_.key(i).as_string();
    if (!key) return wrong_value(path_, "has a key that is not a string");
    if (std::find(asked_.begin(), asked_.end(), *key) == asked_.end()) {
      return wrong(shown_name(*key), "is not a part of this optimizer's state");
    }
  }
  return {};
}

}  // namespace hardload
