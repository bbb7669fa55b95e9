// Dtype: the element types that torch.save writes.
//
// Names and widths as in torch 2.11 (torch/storage.py: _dtype_to_storage_type_map, _new_dtypes).
// A Dtype describes bytes only; nothing here computes with elements.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hardload {

enum class Dtype : std::uint8_t {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool,
  kComplex128,
  kComplex64,
  kComplex32,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat8E5M2,
  kFloat8E4M3FN,
  kFloat8E5M2FNUZ,
  kFloat8E4M3FNUZ,
  kFloat8E8M0FNU,
  kFloat4E2M1FNX2,
  kBits8,
  kBits16,
  kBits1x8,
  kBits2x4,
  kBits4x2,
  kQInt8,
  kQInt32,
  kQUInt8,
  kQUInt4x2,
  kQUInt2x4,
};
inline constexpr std::size_t kDtypeCount = static_cast<std::size_t>(Dtype::kQUInt2x4) + 1;

struct DtypeInfo {
  std::string_view name;     // torch's, without "torch.": "float32"
  std::string_view storage;  // the legacy storage class, "FloatStorage"; empty for newer dtypes
  std::uint8_t item_bytes;   // bytes of one element (of one packed group for sub-byte types)
  std::uint8_t swap_bytes;   // the unit in which byte order applies: half an element if complex
  bool is_floating;          // real, with a sign in its top bit
  bool is_complex;
  bool is_quantized;
  std::uint8_t per_item = 1;  // elements of a packed group that shapes count: 2 of quint4x2
};

const DtypeInfo& info(Dtype dtype);
inline std::uint64_t item_bytes(Dtype dtype) { return info(dtype).item_bytes; }
inline std::string_view to_string(Dtype dtype) { return info(dtype).name; }

// By torch's name ("float32"; aliases such as "float" are not written by torch.save).
std::optional<Dtype> dtype_named(std::string_view name);
// By legacy storage class ("FloatStorage").
std::optional<Dtype> dtype_of_storage(std::string_view storage_class);

}  // namespace hardload
