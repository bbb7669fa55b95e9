// globals: the names that a checkpoint's pickle may use, as a table of data constructors.
//
// A pickle names Python classes and functions. Python imports and calls them; here a name is looked
// up in this table, by exact module and exact name, and stands for a way to build *data*. Nothing
// is imported, called, or matched by prefix or suffix. The table is torch 2.11's weights_only list
// (torch/_weights_only_unpickler.py: _get_allowed_globals) and builtins.bytes, which Python needs
// for an empty bytes object. Python 2's `__builtin__` is `builtins`, which protocol 2 writes.
//
// LibTorch has a pickler of its own (torch/csrc/jit/serialization/pickler.cpp), for TorchScript
// archives and torch::pickle_save. It writes a few more names: functions that say of which type a
// list is, storage classes of types that have none in Python, and TorchScript's classes,
// `__torch__.`. These are listed for its files alone.
//
// A `.metadata` of torch.distributed.checkpoint is a pickle by Python's own pickler, and has a
// table of its own: its dataclasses, which no checkpoint's pickle sees, and few of the names above.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "loader/base/dtype.h"

namespace hardload {

// What a listed callable builds.
enum class Constructor : std::uint8_t {
  // Containers and scalars, built by the pickle machine itself (construct.h).
  kOrderedDict,
  kCounter,
  kSet,
  kBytes,
  kByteArray,
  kEncode,  // _codecs.encode: how protocol 2 writes bytes
  kComplex,
  kSize,
  kDevice,
  kGetLayout,
  kTypedList,  // torch.jit._pickle.build_intlist and the like: the list
  kTypeTag,    // torch.jit._pickle.restore_type_tag: a value and the text of its type
  // Tensors, interpreted by the manifest.
  kTensorClass,  // torch.FloatTensor and its siblings, torch.Tensor
  kParameter,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kRebuildParameterWithState,
  kRebuildSparseTensor,
  kRebuildQTensor,
  kRebuildMetaTensor,
  kRebuildNestedTensor,
  kRebuildWrapperSubclass,
  kRebuildDeviceTensorFromNumpy,
  kRebuildDeviceTensorFromCpuTensor,
  kRebuildFromTypeV2,
  kSavedTensor,  // what a number stands for in torch 0.1; no name of the table
};

enum class GlobalKind : std::uint8_t {
  kConstructor,
  kDtype,         // torch.float32; `dtype` is empty for torch.int1 to int7 and uint1 to uint7
  kStorageClass,  // torch.FloatStorage; `dtype` is empty for the untyped and the typed wrapper
  kQScheme,
  kScriptClass,  // a class of TorchScript
  kDataclass,    // of `.metadata`: what would be made of it is a kInert, its fields as data
  kUnlisted,     // not in the table: never built, see Unlisted
};

// What is done about names that are not in the table. In neither case is one looked up or called.
enum class Unlisted : std::uint8_t {
  kRefuse,      // the file is refused, by an error that names all of them
  kKeepAsData,  // what would have been made of them are values of kind kInert, to be looked at
};

// Who wrote a pickle.
enum class Dialect : std::uint8_t {
  kPython,       // torch.save
  kLibTorch,     // torch.jit.save; C++ torch::save, OutputArchive, torch::pickle_save
  kDistributed,  // pickle.dump of torch.distributed.checkpoint's Metadata
};

struct Global {
  GlobalKind kind;
  Constructor constructor = {};  // only for kConstructor
  std::optional<Dtype> dtype = {};
};

// The table's row for `module` and `name`, or nullopt where they are not listed.
std::optional<Global> find_global(std::string_view module, std::string_view name,
                                  Dialect dialect = Dialect::kPython);

}  // namespace hardload
