// Loads a file with one of LibTorch's own loaders, or with hardload, and says what is in it.
//
// A library and no program: LibTorch takes half a second to start, and is asked about a thousand
// files. bench/malformed_worker.py forks for each of them when it has loaded this.

#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include "loader/base/dtype.h"
#include "loader/cli/sha256.h"
#include "loader/hardload.h"
#include "loader/torch/dtype_map.h"

namespace hardload::bench {
namespace {

using nlohmann::json;
using Loaded = std::vector<std::pair<std::string, at::Tensor>>;

constexpr std::size_t kMostSteps = 1'000'000;

// The tensors of a value of LibTorch, named as hardload names them.
void collect(const c10::IValue& value, const std::string& name, std::size_t depth, Loaded& loaded) {
  if (depth > 100 || loaded.size() > kMostSteps) throw std::runtime_error("too much to walk");
  const auto below = [&](const std::string& key) { return name.empty() ? key : name + "." + key; };
  if (value.isTensor()) {
    loaded.emplace_back(name, value.toTensor());
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      const c10::IValue& key = entry.key();
      collect(entry.value(), below(key.isString() ? key.toStringRef() : c10::str(key)), depth + 1,
              loaded);
    }
  } else if (value.isList() || value.isTuple()) {
    std::size_t i = 0;
    const auto items = value.isTuple() ? value.toTupleRef().elements().vec() : value.toList().vec();
    for (const c10::IValue& item : items) {
      collect(item, below(std::to_string(i++)), depth + 1, loaded);
    }
  }
}

Loaded pickle_load(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);  // it takes the whole file
  std::vector<char> bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Loaded loaded;
  collect(torch::jit::pickle_load(bytes), "", 0, loaded);
  return loaded;
}

Loaded jit_load(const std::string& path) {
  Loaded loaded;
  for (const auto& attribute : torch::jit::load(path).named_attributes()) {
    collect(attribute.value, attribute.name, 0, loaded);
  }
  return loaded;
}

Loaded hardload_load(const std::string& path) {
  const Checkpoint checkpoint = hardload::load(path).value();
  const Manifest& manifest = checkpoint.manifest();
  Loaded loaded;
  for (const NamedTensor& named : manifest.named_tensors()) {
    loaded.emplace_back(manifest.name(named), checkpoint.tensors()[named.tensor]);
  }
  return loaded;
}

// The elements in row-major order. Null where there are none to look at: of sparse tensors, whose
// indices are followed all the same, and on "meta".
json digest_of(at::Tensor tensor) {
  if (tensor.layout() != at::kStrided) {
    (void)tensor.to_dense().clone();
    return nullptr;
  }
  if (tensor.is_meta()) return nullptr;
  if (tensor.is_quantized()) {
    (void)tensor.dequantize();
    const bool below_a_byte =
        tensor.scalar_type() == at::kQUInt4x2 || tensor.scalar_type() == at::kQUInt2x4;
    if (below_a_byte) return nullptr;
    tensor = tensor.int_repr();
  }
  if (tensor.is_complex()) tensor = tensor.resolve_conj();
  tensor = tensor.resolve_neg();
  // Types without arithmetic are copied as integers of their size.
  const at::ScalarType same_size[] = {at::kByte, at::kShort, at::kInt, at::kLong};
  for (const at::ScalarType type : same_size) {
    if (c10::elementSize(type) == tensor.itemsize()) {
      tensor = tensor.view(type);
      break;
    }
  }
  const at::Tensor dense = tensor.contiguous();
  Sha256 hash;
  hash.update({static_cast<const std::byte*>(dense.const_data_ptr()), dense.nbytes()});
  return hash.hex();
}

json listed(const std::string& name, const at::Tensor& tensor) {
  const auto dtype = dtype_of(tensor.scalar_type());
  return {{"name", name},
          {"dtype", dtype ? std::string(info(*dtype).name) : c10::toString(tensor.scalar_type())},
          {"shape", tensor.sizes().vec()},
          {"sha256", digest_of(tensor.detach())}};
}

int run(std::string_view loader, const std::string& path) {
  const Loaded loaded = loader == "hardload"      ? hardload_load(path)
                        : loader == "pickle_load" ? pickle_load(path)
                                                  : jit_load(path);
  json out = {{"tensors", json::array()}};
  try {
    for (const auto& [name, tensor] : loaded) out["tensors"].push_back(listed(name, tensor));
  } catch (const std::exception& error) {  // it loads; then its elements cannot be read
    std::cerr << error.what() << std::endl;
    out["tensors"] = nullptr;
  }
  std::cout << out.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
  return 0;
}

}  // namespace
}  // namespace hardload::bench

// `loader`: hardload, pickle_load or jit_load. Prints {"tensors": [{"name", "dtype", "shape",
// "sha256"}]}, or an error to stderr; returns 0 or 1, as an exit status.
extern "C" int libtorch_loaders(const char* loader, const char* path) try {
  return hardload::bench::run(loader, path);
} catch (const c10::Error& error) {
  std::cerr << error.what_without_backtrace() << std::endl;
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
