#include "tests/torch/difference.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/quantized/Quantizer.h>

#include "loader/base/text.h"

namespace hardload::testing {
namespace {

// Two's complement without bytes that only repeat the sign: equal for equal integers.
std::string digits(const Tree& integer) {
  std::string bytes(integer.text());
  if (integer.kind() == ValueKind::kInt) {
    const auto value = static_cast<std::uint64_t>(*integer.as_int());
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  }
  const auto is_negative = [&](std::size_t size) { return size > 0 && bytes[size - 1] < 0; };
  while (!bytes.empty() && bytes.back() == (is_negative(bytes.size() - 1) ? '\xff' : '\0')) {
    bytes.pop_back();
  }
  return bytes;
}

// Protocol 2 knows `builtins` by its name in Python 2.
std::string class_name(std::string_view text) {
  constexpr std::string_view kPython2 = "__builtin__\n";
  return text.starts_with(kPython2) ? concat("builtins\n", text.substr(kPython2.size()))
                                    : std::string(text);
}

bool is_integer(const Tree& tree) {
  return tree.kind() == ValueKind::kInt || tree.kind() == ValueKind::kBigInt;
}

bool is_object(const Tree& tree) {
  switch (tree.kind()) {
    case ValueKind::kList:
    case ValueKind::kSet:
    case ValueKind::kDict:
    case ValueKind::kOrderedDict:
    case ValueKind::kCounter:
    case ValueKind::kByteArray:
    case ValueKind::kSize:
    case ValueKind::kDevice: return true;
    case ValueKind::kTuple: return !tree.items().empty();
    case ValueKind::kString: return !tree.text().empty();
    case ValueKind::kBytes: return tree.text().size() > 1;
    default: return false;
  }
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

class Comparison {
 public:
  std::string run(const Tree& before, const Tree& after) {
    open_.emplace_back(before, after);
    while (!open_.empty() && problem_.empty()) {
      const auto [a, b] = std::move(open_.back());
      open_.pop_back();
      compare(a, b);
    }
    return problem_;
  }

 private:
  using Pairs = std::map<const void*, const void*>;

  bool expect(bool same, std::string_view what) {
    if (!same && problem_.empty()) problem_ = what;
    return same;
  }

  // Whether the two were compared before. Each must have met the other, and nobody else.
  bool have_met(std::pair<Pairs, Pairs>& pairs, const void* a, const void* b) {
    const auto [there, is_new] = pairs.first.emplace(a, b);
    const auto [back, is_new_too] = pairs.second.emplace(b, a);
    expect(there->second == b && back->second == a, "what is one object");
    return !is_new || !is_new_too;
  }

  void compare(const Tree& a, const Tree& b) {
    if (is_integer(a) && is_integer(b)) return void(expect(digits(a) == digits(b), "an integer"));
    if (!expect(a.kind() == b.kind(), "a kind")) return;
    if (is_object(a) && have_met(objects_, a.identity(), b.identity())) return;
    switch (a.kind()) {
      case ValueKind::kBool: expect(a.as_int() == b.as_int(), "a bool"); break;
      case ValueKind::kFloat: expect(bits(*a.as_float()) == bits(*b.as_float()), "a float"); break;
      case ValueKind::kComplex:
        expect(bits(a.as_complex().real()) == bits(b.as_complex().real()) &&
                   bits(a.as_complex().imag()) == bits(b.as_complex().imag()),
               "a complex number");
        break;
      case ValueKind::kClass: expect(class_name(a.text()) == class_name(b.text()), "a name"); break;
      case ValueKind::kTensor:
        if (!expect(a.is_parameter() == b.is_parameter(), "what is a parameter")) return;
        if (have_met(a.is_parameter() ? parameters_ : objects_, a.identity(), b.identity())) return;
        compare_tensors(a.tensor(), b.tensor());
        break;
      case ValueKind::kStorage:
        expect(a.storage_type() == b.storage_type(), "the type of a storage");
        compare_storages(a.storage(), b.storage());
        break;
      default: expect(a.text() == b.text(), "text or bytes"); compare_items(a, b);
    }
  }

  void compare_items(const Tree& a, const Tree& b) {
    if (!expect(a.items().size() == b.items().size(), "a number of items")) return;
    for (std::size_t i = 0; i < a.items().size(); ++i) {
      open_.emplace_back(a.items()[i], b.items()[i]);
    }
    if (a.kind() == ValueKind::kOrderedDict) open_.emplace_back(a.attributes(), b.attributes());
  }

  void compare_tensors(const at::Tensor& a, const at::Tensor& b) {
    expect(a.scalar_type() == b.scalar_type(), "the type of a tensor");
    expect(a.sizes() == b.sizes(), "a shape");
    expect(a.device().type() == b.device().type(), "a device");
    expect(a.requires_grad() == b.requires_grad(), "what requires a gradient");
    if (!expect(a.layout() == b.layout(), "a layout")) return;
    if (a.layout() != c10::kStrided) return compare_sparse(a, b);
    expect(a.strides() == b.strides(), "strides");
    if (a.is_meta()) return;
    expect(a.storage_offset() == b.storage_offset(), "an offset");
    expect(a.is_conj() == b.is_conj() && a.is_neg() == b.is_neg(), "a conjugate or negative bit");
    compare_storages(a.storage(), b.storage());
    if (expect(a.is_quantized() == b.is_quantized(), "what is quantized") && a.is_quantized()) {
      compare_quantizers(a, b);
    }
  }

  void compare_sparse(const at::Tensor& a, const at::Tensor& b) {
    if (a.layout() == c10::kSparse) {
      expect(a.is_coalesced() == b.is_coalesced(), "what is coalesced");
      compare_tensors(a._indices(), b._indices());
      compare_tensors(a._values(), b._values());
      return;
    }
    const bool rows = a.layout() == c10::kSparseCsr || a.layout() == c10::kSparseBsr;
    compare_tensors(rows ? a.crow_indices() : a.ccol_indices(),
                    rows ? b.crow_indices() : b.ccol_indices());
    compare_tensors(rows ? a.col_indices() : a.row_indices(),
                    rows ? b.col_indices() : b.row_indices());
    compare_tensors(a.values(), b.values());
  }

  void compare_quantizers(const at::Tensor& a, const at::Tensor& b) {
    if (!expect(a.qscheme() == b.qscheme(), "a scheme")) return;
    if (a.qscheme() == at::kPerTensorAffine) {
      expect(bits(a.q_scale()) == bits(b.q_scale()) && a.q_zero_point() == b.q_zero_point(),
             "a scale or zero point");
      return;
    }
    expect(a.q_per_channel_axis() == b.q_per_channel_axis(), "an axis");
    compare_tensors(a.q_per_channel_scales(), b.q_per_channel_scales());
    compare_tensors(a.q_per_channel_zero_points(), b.q_per_channel_zero_points());
  }

  void compare_storages(const c10::Storage& a, const c10::Storage& b) {
    if (have_met(storages_, a.unsafeGetStorageImpl(), b.unsafeGetStorageImpl())) return;
    if (!expect(a.nbytes() == b.nbytes(), "the size of a storage") || a.nbytes() == 0) return;
    expect(std::memcmp(a.data(), b.data(), a.nbytes()) == 0, "the bytes of a storage");
  }

  std::vector<std::pair<Tree, Tree>> open_;
  std::pair<Pairs, Pairs> objects_, parameters_, storages_;  // there and back
  std::string problem_;
};

}  // namespace

std::string difference(const Tree& before, const Tree& after) {
  return Comparison().run(before, after);
}

}  // namespace hardload::testing
