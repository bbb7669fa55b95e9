// The table of names: exactly the list of torch 2.11's weights_only unpickler, and nothing near it.

#include "loader/pickle/globals.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/dtype.h"

namespace hardload {
namespace {

using C = Constructor;

// torch._weights_only_unpickler._get_allowed_globals() of torch 2.11.0, all 144 in this table and
// those below, and builtins.bytes.
struct Listed {
  std::string_view module, name;
  Constructor constructor;
};

constexpr Listed kConstructors[] = {
    {"_codecs", "encode", C::kEncode},
    {"builtins", "bytearray", C::kByteArray},
    {"builtins", "bytes", C::kBytes},
    {"builtins", "complex", C::kComplex},
    {"builtins", "set", C::kSet},
    {"collections", "Counter", C::kCounter},
    {"collections", "OrderedDict", C::kOrderedDict},
    {"torch", "BFloat16Tensor", C::kTensorClass},
    {"torch", "BoolTensor", C::kTensorClass},
    {"torch", "ByteTensor", C::kTensorClass},
    {"torch", "CharTensor", C::kTensorClass},
    {"torch", "DoubleTensor", C::kTensorClass},
    {"torch", "FloatTensor", C::kTensorClass},
    {"torch", "HalfTensor", C::kTensorClass},
    {"torch", "IntTensor", C::kTensorClass},
    {"torch", "LongTensor", C::kTensorClass},
    {"torch", "ShortTensor", C::kTensorClass},
    {"torch", "Size", C::kSize},
    {"torch", "Tensor", C::kTensorClass},
    {"torch", "device", C::kDevice},
    {"torch._tensor", "_rebuild_from_type_v2", C::kRebuildFromTypeV2},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor",
     C::kRebuildDeviceTensorFromCpuTensor},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", C::kRebuildDeviceTensorFromNumpy},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", C::kRebuildMetaTensor},
    {"torch._utils", "_rebuild_nested_tensor", C::kRebuildNestedTensor},
    {"torch._utils", "_rebuild_parameter", C::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", C::kRebuildParameterWithState},
    {"torch._utils", "_rebuild_qtensor", C::kRebuildQTensor},
    {"torch._utils", "_rebuild_sparse_tensor", C::kRebuildSparseTensor},
    {"torch._utils", "_rebuild_tensor", C::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", C::kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", C::kRebuildTensorV3},
    {"torch._utils", "_rebuild_wrapper_subclass", C::kRebuildWrapperSubclass},
    {"torch.cuda", "BFloat16Tensor", C::kTensorClass},
    {"torch.cuda", "BoolTensor", C::kTensorClass},
    {"torch.cuda", "ByteTensor", C::kTensorClass},
    {"torch.cuda", "CharTensor", C::kTensorClass},
    {"torch.cuda", "DoubleTensor", C::kTensorClass},
    {"torch.cuda", "FloatTensor", C::kTensorClass},
    {"torch.cuda", "HalfTensor", C::kTensorClass},
    {"torch.cuda", "IntTensor", C::kTensorClass},
    {"torch.cuda", "LongTensor", C::kTensorClass},
    {"torch.cuda", "ShortTensor", C::kTensorClass},
    {"torch.cuda.sparse", "BFloat16Tensor", C::kTensorClass},
    {"torch.cuda.sparse", "ByteTensor", C::kTensorClass},
    {"torch.cuda.sparse", "CharTensor", C::kTensorClass},
    {"torch.cuda.sparse", "DoubleTensor", C::kTensorClass},
    {"torch.cuda.sparse", "FloatTensor", C::kTensorClass},
    {"torch.cuda.sparse", "HalfTensor", C::kTensorClass},
    {"torch.cuda.sparse", "IntTensor", C::kTensorClass},
    {"torch.cuda.sparse", "LongTensor", C::kTensorClass},
    {"torch.cuda.sparse", "ShortTensor", C::kTensorClass},
    {"torch.nn.parameter", "Parameter", C::kParameter},
    {"torch.serialization", "_get_layout", C::kGetLayout},
    {"torch.sparse", "BFloat16Tensor", C::kTensorClass},
    {"torch.sparse", "ByteTensor", C::kTensorClass},
    {"torch.sparse", "CharTensor", C::kTensorClass},
    {"torch.sparse", "DoubleTensor", C::kTensorClass},
    {"torch.sparse", "FloatTensor", C::kTensorClass},
    {"torch.sparse", "HalfTensor", C::kTensorClass},
    {"torch.sparse", "IntTensor", C::kTensorClass},
    {"torch.sparse", "LongTensor", C::kTensorClass},
    {"torch.sparse", "ShortTensor", C::kTensorClass},
};

struct Storage {
  std::string_view module, name, dtype;  // empty: untyped
};

constexpr Storage kStorages[] = {
    {"torch", "BFloat16Storage", "bfloat16"},
    {"torch", "BoolStorage", "bool"},
    {"torch", "ByteStorage", "uint8"},
    {"torch", "CharStorage", "int8"},
    {"torch", "ComplexDoubleStorage", "complex128"},
    {"torch", "ComplexFloatStorage", "complex64"},
    {"torch", "DoubleStorage", "float64"},
    {"torch", "FloatStorage", "float32"},
    {"torch", "HalfStorage", "float16"},
    {"torch", "IntStorage", "int32"},
    {"torch", "LongStorage", "int64"},
    {"torch", "QInt32Storage", "qint32"},
    {"torch", "QInt8Storage", "qint8"},
    {"torch", "QUInt2x4Storage", "quint2x4"},
    {"torch", "QUInt4x2Storage", "quint4x2"},
    {"torch", "QUInt8Storage", "quint8"},
    {"torch", "ShortStorage", "int16"},
    {"torch.cuda", "BFloat16Storage", "bfloat16"},
    {"torch.cuda", "BoolStorage", "bool"},
    {"torch.cuda", "ByteStorage", "uint8"},
    {"torch.cuda", "CharStorage", "int8"},
    {"torch.cuda", "ComplexDoubleStorage", "complex128"},
    {"torch.cuda", "ComplexFloatStorage", "complex64"},
    {"torch.cuda", "DoubleStorage", "float64"},
    {"torch.cuda", "FloatStorage", "float32"},
    {"torch.cuda", "HalfStorage", "float16"},
    {"torch.cuda", "IntStorage", "int32"},
    {"torch.cuda", "LongStorage", "int64"},
    {"torch.cuda", "ShortStorage", "int16"},
    {"torch.storage", "TypedStorage", ""},
    {"torch.storage", "UntypedStorage", ""},
};

constexpr std::string_view kDtypes[] = {
    "bfloat16",
    "bits16",
    "bits1x8",
    "bits2x4",
    "bits4x2",
    "bits8",
    "bool",
    "complex128",
    "complex32",
    "complex64",
    "float16",
    "float32",
    "float4_e2m1fn_x2",
    "float64",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "int16",
    "int32",
    "int64",
    "int8",
    "qint32",
    "qint8",
    "quint2x4",
    "quint4x2",
    "quint8",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
};

constexpr std::string_view kDtypesBelowAByte[] = {
    "int1",  "int2",  "int3",  "int4",  "int5",  "int6",  "int7",
    "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7",
};

constexpr std::string_view kQSchemes[] = {
    "per_channel_affine",    "per_channel_affine_float_qparams",
    "per_channel_symmetric", "per_tensor_affine",
    "per_tensor_symmetric",
};

std::vector<std::pair<std::string, std::string>> all_listed() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Listed& row : kConstructors) all.emplace_back(row.module, row.name);
  for (const Storage& row : kStorages) all.emplace_back(row.module, row.name);
  for (const std::string_view name : kDtypes) all.emplace_back("torch", name);
  for (const std::string_view name : kDtypesBelowAByte) all.emplace_back("torch", name);
  for (const std::string_view name : kQSchemes) all.emplace_back("torch", name);
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Globals, AreAsManyAsTorchLists) { EXPECT_EQ(all_listed().size(), 144u + 1u); }

TEST(Globals, Constructors) {
  for (const auto& [module, name, constructor] : kConstructors) {
    const auto found = find_global(module, name);
    ASSERT_TRUE(found) << module << "." << name;
    EXPECT_EQ(found->kind, GlobalKind::kConstructor) << module << "." << name;
    EXPECT_EQ(found->constructor, constructor) << module << "." << name;
  }
}

// T21
TEST(Globals, StorageClasses) {
  for (const auto& [module, name, dtype] : kStorages) {
    const auto found = find_global(module, name);
    ASSERT_TRUE(found) << module << "." << name;
    EXPECT_EQ(found->kind, GlobalKind::kStorageClass) << module << "." << name;
    EXPECT_EQ(found->dtype ? to_string(*found->dtype) : "", dtype) << module << "." << name;
  }
}

TEST(Globals, Dtypes) {
  for (const std::string_view name : kDtypes) {
    const auto found = find_global("torch", name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->kind, GlobalKind::kDtype);
    ASSERT_TRUE(found->dtype) << name;
    EXPECT_EQ(to_string(*found->dtype), name);
  }
  for (const std::string_view name : kDtypesBelowAByte) {
    const auto found = find_global("torch", name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->kind, GlobalKind::kDtype);
    EXPECT_FALSE(found->dtype) << name;
  }
}

TEST(Globals, QSchemes) {
  for (const std::string_view name : kQSchemes) {
    const auto found = find_global("torch", name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->kind, GlobalKind::kQScheme) << name;
  }
}

// No listed name is found in another listed module than its own, or changed in the smallest way.
// G04, G07
TEST(Globals, AreMatchedExactly) {
  const auto all = all_listed();
  const auto is_listed = [&](const std::string& module, const std::string& name) {
    return std::binary_search(all.begin(), all.end(), std::pair(module, name));
  };
  std::vector<std::string> modules = {"", "torch.", "numpy", "os", "builtin", "__builtins__"};
  for (const auto& [module, name] : all) {
    if (modules.back() != module) modules.push_back(module);
  }
  for (const auto& [module, name] : all) {
    for (const std::string& other : modules) {
      EXPECT_EQ(find_global(other, name).has_value(), is_listed(other, name))
          << other << "." << name;
    }
    std::string upper = name;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (const std::string& changed :
         {upper, name + " ", " " + name, name + "s", "_" + name, name.substr(1), name + "\n",
          name + '\0', std::string(), module + "." + name, name.substr(0, name.size() - 1)}) {
      EXPECT_EQ(find_global(module, changed).has_value(), is_listed(module, changed))
          << module << "." << changed;
    }
    for (const std::string& changed : {module + " ", " " + module, module + ".", module + '\0',
                                       "x" + module, module.substr(1)}) {
      EXPECT_FALSE(find_global(changed, name)) << changed << "." << name;
    }
  }
}

// G01 to G04, G11, G15
TEST(Globals, DoNotHoldWhatRunsCode) {
  constexpr std::pair<std::string_view, std::string_view> kUnlisted[] = {
      {"os", "system"},
      {"posix", "system"},
      {"nt", "system"},
      {"sys", "exit"},
      {"subprocess", "Popen"},
      {"builtins", "eval"},
      {"builtins", "exec"},
      {"builtins", "getattr"},
      {"builtins", "__import__"},
      {"builtins", "open"},
      {"__builtin__", "eval"},
      {"pathlib", "os.system"},
      {"pkgutil", "resolve_name"},
      {"torch", "load"},
      {"torch.hub", "load"},
      {"torch.jit", "load"},
      {"torch.utils.collect_env", "run"},
      {"torch", "from_file"},
      {"torch", "_load_global_deps"},
      {"torch", "EvilStorage"},
      {"torch.storage", "x"},
      {"torch.storage", "FloatStorage"},
      {"evil", "FloatStorage"},
      {"torch", "UntypedStorage"},
      {"torch", "Storage"},
      {"torch", "float"},
      {"torch", "half"},
      {"torch", "int0"},
      {"torch", "uint9"},
      {"torch", "int10"},
      {"torch", "uuint4"},
      {"torch", "strided"},
      {"torch", "sparse_coo"},
      {"torch.cuda", "QInt8Storage"},
      {"torch.cuda.sparse", "BoolTensor"},
      {"torch.sparse", "BoolTensor"},
      {"torch", "ComplexFloatTensor"},
      {"torch.cuda", "Tensor"},
      {"builtins", "int"},
      {"builtins", "list"},
      {"builtins", "dict"},
      {"builtins", "frozenset"},
      {"builtins", "print"},
      {"collections", "defaultdict"},
      {"collections", "deque"},
      {"numpy", "dtype"},
      {"numpy.core.multiarray", "_reconstruct"},
      {"numpy._core.multiarray", "scalar"},
      {"copyreg", "_reconstructor"},
      {"copy_reg", "_reconstructor"},
      {"_codecs", "decode"},
      {"codecs", "encode"},
      {"torch._utils", "_rebuild_from_type_v2"},
      {"torch._tensor", "_rebuild_tensor_v2"},
      {"torch.nn", "Parameter"},
      {"torch.nn.modules.linear", "Linear"},
      {"torch.serialization", "load"},
  };
  for (const auto& [module, name] : kUnlisted) {
    EXPECT_FALSE(find_global(module, name)) << module << "." << name;
  }
}

// G08
TEST(Globals, TakePython2sNameOfBuiltins) {
  for (const std::string_view name : {"set", "bytes", "bytearray", "complex"}) {
    const auto found = find_global("__builtin__", name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->constructor, find_global("builtins", name)->constructor);
  }
}

// Neither table has anything of the other that runs or builds something.
TEST(Globals, OfDistributedMetadataAreATableOfTheirOwn) {
  const auto in = [](Dialect dialect, std::string_view module, std::string_view name) {
    const auto found = find_global(module, name, dialect);
    return found ? std::optional(found->kind) : std::nullopt;
  };
  constexpr std::string_view kMetadata = "torch.distributed.checkpoint.metadata";
  for (const auto& [module, name] :
       {std::pair(kMetadata, "Metadata"), std::pair(kMetadata, "MetadataIndex"),
        std::pair<std::string_view, const char*>("builtins", "getattr"),
        std::pair<std::string_view, const char*>("pathlib", "PosixPath")}) {
    EXPECT_EQ(in(Dialect::kDistributed, module, name), GlobalKind::kDataclass) << name;
    EXPECT_EQ(in(Dialect::kPython, module, name), std::nullopt) << name;
    EXPECT_EQ(in(Dialect::kLibTorch, module, name), std::nullopt) << name;
  }
  EXPECT_EQ(in(Dialect::kDistributed, "torch", "Size"), GlobalKind::kConstructor);
  EXPECT_EQ(in(Dialect::kDistributed, "torch", "bfloat16"), GlobalKind::kDtype);
  for (const auto& [module, name] :
       {std::pair("torch._utils", "_rebuild_tensor_v2"), std::pair("torch", "FloatStorage"),
        std::pair("collections", "OrderedDict"), std::pair("_codecs", "encode"),
        std::pair("torch.nn.parameter", "Parameter"), std::pair("builtins", "eval"),
        std::pair("", "Metadata"), std::pair("__main__", "Metadata")}) {
    EXPECT_EQ(in(Dialect::kDistributed, module, name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace hardload
