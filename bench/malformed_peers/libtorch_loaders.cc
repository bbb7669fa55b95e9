// Loads a file with one of LibTorch's own loaders, or with hardload, and says what is in it.
//
// A library and no program: LibTorch takes half a second to start, and is asked about a thousand
// files. bench/malformed_worker.py forks for each of them when it has loaded this.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include "loader/base/dtype.h"
#include "loader/cli/json_writer.h"
#include "loader/cli/sha256.h"
#include "loader/hardload.h"
#include "loader/torch/dtype_map.h"

namespace hardload::bench {
namespace {

using Loaded = std::vector<std::pair<std::string, at::Tensor>>;

constexpr std::size_t kMostSteps = 1'000'000;
constexpr std::size_t kMostListed = 10'000;

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

// SHA-256 of the elements in row-major order. nullopt where there are none to look at: of sparse
// tensors, whose indices are followed all the same, and on "meta".
std::optional<std::string> digest_of(at::Tensor tensor) {
  if (tensor.layout() != at::kStrided) {
    (void)tensor.to_dense().clone();
    return std::nullopt;
  }
  if (tensor.is_meta()) return std::nullopt;
  Sha256 hash;
  if (tensor.is_quantized()) {
    (void)tensor.dequantize();
    if (tensor.scalar_type() == at::kQUInt4x2 || tensor.scalar_type() == at::kQUInt2x4) {
      const c10::Storage& storage = tensor.storage();
      hash.update({static_cast<const std::byte*>(storage.data()), storage.nbytes()});
      return hash.hex();
    }
    tensor = tensor.int_repr();
  }
  if (tensor.is_complex()) tensor = tensor.resolve_conj();
  tensor = tensor.resolve_neg();
  // Types without arithmetic are copied as integers of their size.
  for (const at::ScalarType type : {at::kByte, at::kShort, at::kInt, at::kLong}) {
    if (c10::elementSize(type) == tensor.itemsize()) {
      tensor = tensor.view(type);
      break;
    }
  }
  const at::Tensor dense = tensor.contiguous();
  hash.update({static_cast<const std::byte*>(dense.const_data_ptr()), dense.nbytes()});
  return hash.hex();
}

void write(const std::string& name, const at::Tensor& tensor, JsonWriter& json) {
  const auto digest = digest_of(tensor.detach());
  const auto dtype = dtype_of(tensor.scalar_type());
  json.begin_object().key("name").string(name).key("dtype");
  json.string(dtype ? info(*dtype).name : c10::toString(tensor.scalar_type()));
  json.key("shape").begin_array();
  for (const std::int64_t size : tensor.sizes()) json.integer(size);
  json.end().key("sha256");
  digest ? json.string(*digest) : json.null();
  json.end();
}

int run(std::string_view loader, const std::string& path) {
  const Loaded loaded = loader == "hardload"      ? hardload_load(path)
                        : loader == "pickle_load" ? pickle_load(path)
                                                  : jit_load(path);
  std::string text;
  JsonWriter json([&](std::string_view part) { text += part; });
  json.begin_object().key("count").unsigned_integer(loaded.size());
  try {
    if (loaded.size() <= kMostListed) {
      json.key("tensors").begin_array();
      for (const auto& [name, tensor] : loaded) write(name, tensor, json);
      json.end();
    }
    json.end().flush();
  } catch (const std::exception& error) {  // it loads; then its elements cannot be read
    std::cerr << error.what() << std::endl;
    text = "{}";
  }
  std::cout << text << std::endl;
  return 0;
}

}  // namespace
}  // namespace hardload::bench

// `loader`: hardload, pickle_load or jit_load. Prints what data/malformed/JOIN.md says,
// or an error to stderr; returns 0 or 1, as an exit status.
extern "C" int libtorch_loaders(const char* loader, const char* path) try {
  return hardload::bench::run(loader, path);
} catch (const c10::Error& error) {
  std::cerr << error.what_without_backtrace() << std::endl;
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
