#include "loader/torch/dtype_map.h"

namespace hardload {

c10::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat64: return c10::ScalarType::Double;
    case Dtype::kFloat32: return c10::ScalarType::Float;
    case Dtype::kFloat16: return c10::ScalarType::Half;
    case Dtype::kBFloat16: return c10::ScalarType::BFloat16;
    case Dtype::kInt64: return c10::ScalarType::Long;
    case Dtype::kInt32: return c10::ScalarType::Int;
    case Dtype::kInt16: return c10::ScalarType::Short;
    case Dtype::kInt8: return c10::ScalarType::Char;
    case Dtype::kUInt8: return c10::ScalarType::Byte;
    case Dtype::kBool: return c10::ScalarType::Bool;
    case Dtype::kComplex128: return c10::ScalarType::ComplexDouble;
    case Dtype::kComplex64: return c10::ScalarType::ComplexFloat;
    case Dtype::kComplex32: return c10::ScalarType::ComplexHalf;
    case Dtype::kUInt16: return c10::ScalarType::UInt16;
    case Dtype::kUInt32: return c10::ScalarType::UInt32;
    case Dtype::kUInt64: return c10::ScalarType::UInt64;
    case Dtype::kFloat8E5M2: return c10::ScalarType::Float8_e5m2;
    case Dtype::kFloat8E4M3FN: return c10::ScalarType::Float8_e4m3fn;
    case Dtype::kFloat8E5M2FNUZ: return c10::ScalarType::Float8_e5m2fnuz;
    case Dtype::kFloat8E4M3FNUZ: return c10::ScalarType::Float8_e4m3fnuz;
    case Dtype::kFloat8E8M0FNU: return c10::ScalarType::Float8_e8m0fnu;
    case Dtype::kFloat4E2M1FNX2: return c10::ScalarType::Float4_e2m1fn_x2;
    case Dtype::kBits8: return c10::ScalarType::Bits8;
    case Dtype::kBits16: return c10::ScalarType::Bits16;
    case Dtype::kBits1x8: return c10::ScalarType::Bits1x8;
    case Dtype::kBits2x4: return c10::ScalarType::Bits2x4;
    case Dtype::kBits4x2: return c10::ScalarType::Bits4x2;
    case Dtype::kQInt8: return c10::ScalarType::QInt8;
    case Dtype::kQInt32: return c10::ScalarType::QInt32;
    case Dtype::kQUInt8: return c10::ScalarType::QUInt8;
    case Dtype::kQUInt4x2: return c10::ScalarType::QUInt4x2;
    case Dtype::kQUInt2x4: return c10::ScalarType::QUInt2x4;
  }
  return c10::ScalarType::Undefined;
}

std::optional<Dtype> dtype_of(c10::ScalarType type) {
  for (std::size_t i = 0; i < kDtypeCount; ++i) {
    if (scalar_type(static_cast<Dtype>(i)) == type) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

}  // namespace hardload
