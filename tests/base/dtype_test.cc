// The table of dtypes is torch's: names, legacy storage classes, widths and kinds, in the order of
// the enum.

#include "loader/base/dtype.h"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace hardload {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name, storage;
  int item_bytes, swap_bytes;
  bool is_floating = false, is_complex = false, is_quantized = false;
};

// As torch 2.11 has it: dtype.itemsize, is_floating_point, is_complex, and the class that
// torch/storage.py names. Complex elements are swapped by halves (torch/storage.py: byteswap).
constexpr bool kFloat = true, kNo = false, kComplex = true, kQuantized = true;
constexpr Row kRows[] = {
    {Dtype::kFloat64, "float64", "DoubleStorage", 8, 8, kFloat},
    {Dtype::kFloat32, "float32", "FloatStorage", 4, 4, kFloat},
    {Dtype::kFloat16, "float16", "HalfStorage", 2, 2, kFloat},
    {Dtype::kBFloat16, "bfloat16", "BFloat16Storage", 2, 2, kFloat},
    {Dtype::kInt64, "int64", "LongStorage", 8, 8},
    {Dtype::kInt32, "int32", "IntStorage", 4, 4},
    {Dtype::kInt16, "int16", "ShortStorage", 2, 2},
    {Dtype::kInt8, "int8", "CharStorage", 1, 1},
    {Dtype::kUInt8, "uint8", "ByteStorage", 1, 1},
    {Dtype::kBool, "bool", "BoolStorage", 1, 1},
    {Dtype::kComplex128, "complex128", "ComplexDoubleStorage", 16, 8, kNo, kComplex},
    {Dtype::kComplex64, "complex64", "ComplexFloatStorage", 8, 4, kNo, kComplex},
    {Dtype::kComplex32, "complex32", "", 4, 2, kNo, kComplex},
    {Dtype::kUInt16, "uint16", "", 2, 2},
    {Dtype::kUInt32, "uint32", "", 4, 4},
    {Dtype::kUInt64, "uint64", "", 8, 8},
    {Dtype::kFloat8E5M2, "float8_e5m2", "", 1, 1, kFloat},
    {Dtype::kFloat8E4M3FN, "float8_e4m3fn", "", 1, 1, kFloat},
    {Dtype::kFloat8E5M2FNUZ, "float8_e5m2fnuz", "", 1, 1, kFloat},
    {Dtype::kFloat8E4M3FNUZ, "float8_e4m3fnuz", "", 1, 1, kFloat},
    {Dtype::kFloat8E8M0FNU, "float8_e8m0fnu", "", 1, 1, kFloat},
    {Dtype::kFloat4E2M1FNX2, "float4_e2m1fn_x2", "", 1, 1, kFloat},
    {Dtype::kBits8, "bits8", "", 1, 1},
    {Dtype::kBits16, "bits16", "", 2, 2},
    {Dtype::kBits1x8, "bits1x8", "", 1, 1},
    {Dtype::kBits2x4, "bits2x4", "", 1, 1},
    {Dtype::kBits4x2, "bits4x2", "", 1, 1},
    {Dtype::kQInt8, "qint8", "QInt8Storage", 1, 1, kNo, kNo, kQuantized},
    {Dtype::kQInt32, "qint32", "QInt32Storage", 4, 4, kNo, kNo, kQuantized},
    {Dtype::kQUInt8, "quint8", "QUInt8Storage", 1, 1, kNo, kNo, kQuantized},
    {Dtype::kQUInt4x2, "quint4x2", "QUInt4x2Storage", 1, 1, kNo, kNo, kQuantized},
    {Dtype::kQUInt2x4, "quint2x4", "QUInt2x4Storage", 1, 1, kNo, kNo, kQuantized},
};

TEST(Dtype, TableIsTorchs) {
  for (const Row& row : kRows) {
    const DtypeInfo& found = info(row.dtype);
    EXPECT_EQ(found.name, row.name);
    EXPECT_EQ(to_string(row.dtype), row.name);
    EXPECT_EQ(found.storage, row.storage) << row.name;
    EXPECT_EQ(found.item_bytes, row.item_bytes) << row.name;
    EXPECT_EQ(item_bytes(row.dtype), static_cast<std::uint64_t>(row.item_bytes)) << row.name;
    EXPECT_EQ(found.swap_bytes, row.swap_bytes) << row.name;
    EXPECT_EQ(found.is_floating, row.is_floating) << row.name;
    EXPECT_EQ(found.is_complex, row.is_complex) << row.name;
    EXPECT_EQ(found.is_quantized, row.is_quantized) << row.name;
  }
}

TEST(Dtype, TableIsComplete) {
  std::set<Dtype> dtypes;
  for (const Row& row : kRows) dtypes.insert(row.dtype);
  EXPECT_EQ(dtypes.size(), kDtypeCount);
}

TEST(Dtype, IsFoundByItsName) {
  for (const Row& row : kRows) EXPECT_EQ(dtype_named(row.name), row.dtype) << row.name;
}

TEST(Dtype, IsFoundByItsStorageClass) {
  for (const Row& row : kRows) {
    if (row.storage.empty()) continue;
    EXPECT_EQ(dtype_of_storage(row.storage), row.dtype) << row.storage;
  }
}

TEST(Dtype, OtherNamesAreNotFound) {
  for (const std::string_view name : {"", "float", "Float32", "float32 ", " float32", "float3",
                                      "torch.float32", "FloatStorage", "half", "double"}) {
    EXPECT_EQ(dtype_named(name), std::nullopt) << name;
  }
  for (const std::string_view name : {"", "float32", "Floatstorage", "FloatStorageX", "Storage",
                                      "UntypedStorage", "cuda.FloatStorage"}) {
    EXPECT_EQ(dtype_of_storage(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace hardload
