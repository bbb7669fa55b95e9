#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the copy of a Global whose dtype is absent for a use of what was never set.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "loader/pickle/globals.h"

#include <algorithm>
#include <iterator>

namespace hardload {
namespace {

using std::string_view_literals::operator""sv;

struct Row {
  std::string_view module, name;
  Constructor constructor;
};

constexpr Row kConstructors[] = {
    {"collections", "OrderedDict", Constructor::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", Constructor::kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", Constructor::kRebuildTensorV3},
    {"torch._utils", "_rebuild_tensor", Constructor::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Constructor::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Constructor::kRebuildParameterWithState},
    {"torch._utils", "_rebuild_sparse_tensor", Constructor::kRebuildSparseTensor},
    {"torch._utils", "_rebuild_qtensor", Constructor::kRebuildQTensor},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", Constructor::kRebuildMetaTensor},
    {"torch._utils", "_rebuild_nested_tensor", Constructor::kRebuildNestedTensor},
    {"torch._utils", "_rebuild_wrapper_subclass", Constructor::kRebuildWrapperSubclass},
    {"torch._utils", "_rebuild_device_tensor_from_numpy",
     Constructor::kRebuildDeviceTensorFromNumpy},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor",
     Constructor::kRebuildDeviceTensorFromCpuTensor},
    {"torch._tensor", "_rebuild_from_type_v2", Constructor::kRebuildFromTypeV2},
    {"torch.nn.parameter", "Parameter", Constructor::kParameter},
    {"torch", "Size", Constructor::kSize},
    {"torch", "device", Constructor::kDevice},
    {"torch", "Tensor", Constructor::kTensorClass},
    {"torch.serialization", "_get_layout", Constructor::kGetLayout},
    {"collections", "Counter", Constructor::kCounter},
    {"_codecs", "encode", Constructor::kEncode},
    {"builtins", "set", Constructor::kSet},
    {"builtins", "bytes", Constructor::kBytes},
    {"builtins", "bytearray", Constructor::kByteArray},
    {"builtins", "complex", Constructor::kComplex},
};

// What LibTorch's pickler writes beside these (torch/jit/_pickle.py).
constexpr Row kLibTorchConstructors[] = {
    {"torch.jit._pickle", "restore_type_tag", Constructor::kTypeTag},
    {"torch.jit._pickle", "build_intlist", Constructor::kTypedList},
    {"torch.jit._pickle", "build_tensorlist", Constructor::kTypedList},
    {"torch.jit._pickle", "build_doublelist", Constructor::kTypedList},
    {"torch.jit._pickle", "build_boollist", Constructor::kTypedList},
};

// What torch.distributed.checkpoint writes into `.metadata` (torch/distributed/checkpoint:
// metadata.py, filesystem.py; before 2.3 with two classes of torch/distributed/_shard). Python 3.11
// writes a member of an enum as getattr(class, name), later ones as class(value). Python 3.13 has
// paths in a module of their own.
struct DataclassRow {
  std::string_view module, name;
};
constexpr DataclassRow kDataclasses[] = {
    {"torch.distributed.checkpoint.metadata", "Metadata"},
    {"torch.distributed.checkpoint.metadata", "TensorStorageMetadata"},
    {"torch.distributed.checkpoint.metadata", "BytesStorageMetadata"},
    {"torch.distributed.checkpoint.metadata", "ChunkStorageMetadata"},
    {"torch.distributed.checkpoint.metadata", "TensorProperties"},
    {"torch.distributed.checkpoint.metadata", "_MEM_FORMAT_ENCODING"},
    {"torch.distributed.checkpoint.metadata", "MetadataIndex"},
    {"torch.distributed.checkpoint.metadata", "StorageMeta"},
    {"torch.distributed.checkpoint.filesystem", "_StorageInfo"},
    {"torch.distributed._shard.sharded_tensor.metadata", "TensorProperties"},
    {"torch.distributed._shard.sharded_tensor.metadata", "MEM_FORMAT_ENCODING"},
    {"builtins", "getattr"},
    {"pathlib", "PosixPath"},
    {"pathlib", "WindowsPath"},
    {"pathlib._local", "PosixPath"},
    {"pathlib._local", "WindowsPath"},
};

// Storage classes that are not in Python, after the types' names in C++ (c10/core/ScalarType.h).
struct StorageRow {
  std::string_view name;
  Dtype dtype;
};
constexpr StorageRow kLibTorchStorages[] = {
    {"ComplexHalfStorage", Dtype::kComplex32},
    {"UInt16Storage", Dtype::kUInt16},
    {"UInt32Storage", Dtype::kUInt32},
    {"UInt64Storage", Dtype::kUInt64},
    {"Float8_e5m2Storage", Dtype::kFloat8E5M2},
    {"Float8_e4m3fnStorage", Dtype::kFloat8E4M3FN},
    {"Float8_e5m2fnuzStorage", Dtype::kFloat8E5M2FNUZ},
    {"Float8_e4m3fnuzStorage", Dtype::kFloat8E4M3FNUZ},
    {"Float8_e8m0fnuStorage", Dtype::kFloat8E8M0FNU},
    {"Float4_e2m1fn_x2Storage", Dtype::kFloat4E2M1FNX2},
    {"Bits8Storage", Dtype::kBits8},
    {"Bits16Storage", Dtype::kBits16},
    {"Bits1x8Storage", Dtype::kBits1x8},
    {"Bits2x4Storage", Dtype::kBits2x4},
    {"Bits4x2Storage", Dtype::kBits4x2},
};

// torch._tensor_classes: these in torch and torch.cuda; without Bool in torch.sparse and
// torch.cuda.sparse.
constexpr std::string_view kTensorClasses[] = {
    "DoubleTensor", "FloatTensor", "HalfTensor", "BFloat16Tensor", "LongTensor",
    "IntTensor",    "ShortTensor", "CharTensor", "ByteTensor",     "BoolTensor",
};

constexpr std::string_view kQSchemes[] = {
    "per_tensor_affine",
    "per_tensor_symmetric",
    "per_channel_affine",
    "per_channel_symmetric",
    "per_channel_affine_float_qparams",
};

template <std::size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// torch.int1 to torch.int7, torch.uint1 to torch.uint7: no tensor of them can be saved, but the
// dtype itself can.
bool is_sub_byte_integer(std::string_view name) {
  if (name.starts_with('u')) name.remove_prefix(1);
  return name.size() == 4 && name.starts_with("int") && name[3] >= '1' && name[3] <= '7';
}

bool is_tensor_class(std::string_view module, std::string_view name) {
  if (module == "torch" || module == "torch.cuda") return contains(kTensorClasses, name);
  return (module == "torch.sparse" || module == "torch.cuda.sparse") && name != "BoolTensor" &&
         contains(kTensorClasses, name);
}

std::optional<Dtype> storage_class(std::string_view module, std::string_view name) {
  const auto dtype = dtype_of_storage(name);
  if (!dtype || module == "torch") return dtype;
  // torch.cuda has no storage classes of quantized types.
  return module == "torch.cuda" && !info(*dtype).is_quantized ? dtype : std::nullopt;
}

std::optional<Global> find_libtorch_global(std::string_view module, std::string_view name) {
  if (module == "__torch__" || module.starts_with("__torch__.")) {
    return Global{.kind = GlobalKind::kScriptClass};
  }
  for (const Row& row : kLibTorchConstructors) {
    if (row.module == module && row.name == name) {
      return Global{GlobalKind::kConstructor, row.constructor};
    }
  }
  for (const StorageRow& row : kLibTorchStorages) {
    if (module == "torch" && row.name == name) {
      return Global{.kind = GlobalKind::kStorageClass, .dtype = row.dtype};
    }
  }
  return std::nullopt;
}

std::optional<Global> find_distributed_global(std::string_view module, std::string_view name) {
  for (const DataclassRow& row : kDataclasses) {
    if (row.module == module && row.name == name) return Global{.kind = GlobalKind::kDataclass};
  }
  if (module == "torch" && name == "Size") {
    return Global{GlobalKind::kConstructor, Constructor::kSize};
  }
  if (module == "torch.serialization" && name == "_get_layout") {
    return Global{GlobalKind::kConstructor, Constructor::kGetLayout};
  }
  if (module != "torch") return std::nullopt;
  if (const auto dtype = dtype_named(name)) {
    return Global{.kind = GlobalKind::kDtype, .dtype = dtype};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Global> find_global(std::string_view module, std::string_view name, Dialect dialect) {
  if (dialect == Dialect::kDistributed) return find_distributed_global(module, name);
  if (dialect == Dialect::kLibTorch) {
    if (const auto found = find_libtorch_global(module, name)) return found;
  }
  if (module == "__builtin__") module = "builtins";
  for (const Row& row : kConstructors) {
    if (row.module == module && row.name == name) {
      return Global{GlobalKind::kConstructor, row.constructor};
    }
  }
  if (const auto dtype = storage_class(module, name)) {
    return Global{.kind = GlobalKind::kStorageClass, .dtype = dtype};
  }
  if (module == "torch.storage" && (name == "UntypedStorage" || name == "TypedStorage")) {
    return Global{.kind = GlobalKind::kStorageClass};
  }
  if (module == "torch") {
    if (const auto dtype = dtype_named(name)) {
      return Global{.kind = GlobalKind::kDtype, .dtype = dtype};
    }
    if (is_sub_byte_integer(name)) return Global{.kind = GlobalKind::kDtype};
    if (contains(kQSchemes, name)) return Global{.kind = GlobalKind::kQScheme};
  }
  if (is_tensor_class(module, name)) {
    return Global{GlobalKind::kConstructor, Constructor::kTensorClass};
  }
  return std::nullopt;
}

}  // namespace hardload
