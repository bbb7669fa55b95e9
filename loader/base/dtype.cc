#include "loader/base/dtype.h"

#include <array>
#include <cstddef>

namespace hardload {
namespace {

// In the order of the enum.
constexpr std::array<DtypeInfo, kDtypeCount> kDtypes = {{
    // name, storage class, bytes of an item, swap unit, floating, complex, quantized, packed
    {"float64", "DoubleStorage", 8, 8, true, false, false},
    {"float32", "FloatStorage", 4, 4, true, false, false},
    {"float16", "HalfStorage", 2, 2, true, false, false},
    {"bfloat16", "BFloat16Storage", 2, 2, true, false, false},
    {"int64", "LongStorage", 8, 8, false, false, false},
    {"int32", "IntStorage", 4, 4, false, false, false},
    {"int16", "ShortStorage", 2, 2, false, false, false},
    {"int8", "CharStorage", 1, 1, false, false, false},
    {"uint8", "ByteStorage", 1, 1, false, false, false},
    {"bool", "BoolStorage", 1, 1, false, false, false},
    {"complex128", "ComplexDoubleStorage", 16, 8, false, true, false},
    {"complex64", "ComplexFloatStorage", 8, 4, false, true, false},
    {"complex32", "", 4, 2, false, true, false},
    {"uint16", "", 2, 2, false, false, false},
    {"uint32", "", 4, 4, false, false, false},
    {"uint64", "", 8, 8, false, false, false},
    {"float8_e5m2", "", 1, 1, true, false, false},
    {"float8_e4m3fn", "", 1, 1, true, false, false},
    {"float8_e5m2fnuz", "", 1, 1, true, false, false},
    {"float8_e4m3fnuz", "", 1, 1, true, false, false},
    {"float8_e8m0fnu", "", 1, 1, true, false, false},
    {"float4_e2m1fn_x2", "", 1, 1, true, false, false},
    {"bits8", "", 1, 1, false, false, false},
    {"bits16", "", 2, 2, false, false, false},
    {"bits1x8", "", 1, 1, false, false, false},
    {"bits2x4", "", 1, 1, false, false, false},
    {"bits4x2", "", 1, 1, false, false, false},
    {"qint8", "QInt8Storage", 1, 1, false, false, true},
    {"qint32", "QInt32Storage", 4, 4, false, false, true},
    {"quint8", "QUInt8Storage", 1, 1, false, false, true},
    {"quint4x2", "QUInt4x2Storage", 1, 1, false, false, true, 2},
    {"quint2x4", "QUInt2x4Storage", 1, 1, false, false, true, 4},
}};

std::optional<Dtype> find(std::string_view DtypeInfo::*field, std::string_view text) {
  for (std::size_t i = 0; i < kDtypes.size(); ++i) {
    if (!text.empty() && kDtypes[i].*field == text) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

}  // namespace

const DtypeInfo& info(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)]; }

std::optional<Dtype> dtype_named(std::string_view name) { return find(&DtypeInfo::name, name); }

std::optional<Dtype> dtype_of_storage(std::string_view storage_class) {
  return find(&DtypeInfo::storage, storage_class);
}

}  // namespace hardload
