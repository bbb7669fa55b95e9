// What ends in tensors: loading, loading into a module, saving.

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>

#include "bench/gate/cases.h"
#include "bench/gate/files.h"
#include "loader/hardload.h"

namespace hardload::bench {
namespace {

using Call = std::function<void()>;

constexpr Shape kSmall = {.tensors = 2000, .floats = 16};
constexpr Shape kLarge = {.tensors = 4, .floats = 1 << 20};  // 16 MiB

LoadOptions on_one_thread() {
  LoadOptions options;
  options.threads = 1;
  return options;
}

// A container of as many children as the shape has tensors, each with one parameter.
struct Flat : torch::nn::Module {
  explicit Flat(const Shape& shape) {
    const auto layers = register_module("layers", std::make_shared<torch::nn::Module>("layers"));
    for (std::size_t i = 0; i < shape.tensors; ++i) {
      const auto child =
          layers->register_module(std::to_string(i), std::make_shared<torch::nn::Module>("child"));
      child->register_parameter("weight", at::zeros({static_cast<std::int64_t>(shape.floats)}),
                                /*requires_grad=*/false);
    }
  }
};

Call loads(const std::string& path, const Shape& shape, const LoadOptions& options) {
  return [=] {
    const Checkpoint checkpoint = load(path, options).value();
    if (checkpoint.tensors().size() != shape.tensors) throw std::runtime_error("tensors are lost");
  };
}

Call load_small(const std::string& folder) {
  return loads(write(folder, "a.pt", zip_file(kSmall)), kSmall, on_one_thread());
}
Call load_safetensors(const std::string& folder) {
  return loads(write(folder, "a.safetensors", safetensors_file(kSmall)), kSmall, on_one_thread());
}
Call load_large(const std::string& folder) {
  return loads(write(folder, "a.pt", zip_file(kLarge)), kLarge, on_one_thread());
}
Call load_large_no_crc(const std::string& folder) {
  LoadOptions options = on_one_thread();
  options.verify_crc = false;
  return loads(write(folder, "a.pt", zip_file(kLarge)), kLarge, options);
}
Call load_mapped(const std::string& folder) {
  LoadOptions options = on_one_thread();
  options.mapped = true;
  return loads(write(folder, "a.pt", zip_file(kSmall)), kSmall, options);
}

Call loads_into(const std::string& folder, const Shape& shape, LoadMode mode) {
  const std::string path = write(folder, "a.pt", zip_file(shape));
  const auto module = std::make_shared<Flat>(shape);
  LoadIntoOptions options;
  options.mode = mode;
  options.load = on_one_thread();
  return [=] { load_into(*module, path, options).value(); };
}

Call staged_small(const std::string& folder) {
  return loads_into(folder, kSmall, LoadMode::kStaged);
}
Call staged_large(const std::string& folder) {
  return loads_into(folder, kLarge, LoadMode::kStaged);
}
Call in_place_small(const std::string& folder) {
  return loads_into(folder, kSmall, LoadMode::kInPlace);
}
Call in_place_large(const std::string& folder) {
  return loads_into(folder, kLarge, LoadMode::kInPlace);
}

Call load_state_dict_flat(const std::string& folder) {
  const std::string path = write(folder, "a.pt", zip_file(kSmall));
  const auto module = std::make_shared<Flat>(kSmall);
  const auto state =
      std::make_shared<StateDict>(load(path, on_one_thread()).value().state_dict().value());
  return [=] { load_state_dict(*module, *state).value(); };
}

Call saves(const std::string& folder, const Shape& shape) {
  const auto module = std::make_shared<Flat>(shape);
  const std::string path = folder + "/b.pt";
  SaveOptions options;
  options.sync = false;
  return [=] { save(state_dict_of(*module), path, options).value(); };
}

Call save_small(const std::string& folder) { return saves(folder, kSmall); }
Call save_large(const std::string& folder) { return saves(folder, kLarge); }

constexpr Case kCases[] = {
    {"load/small", load_small},         {"load/safetensors", load_safetensors},
    {"load/large", load_large},         {"load/large-no-crc", load_large_no_crc},
    {"load/mapped", load_mapped},       {"load_into/small", staged_small},
    {"load_into/large", staged_large},  {"in-place/small", in_place_small},
    {"in-place/large", in_place_large}, {"load_state_dict/flat", load_state_dict_flat},
    {"save/small", save_small},         {"save/large", save_large},
};

}  // namespace

std::span<const Case> cases() { return kCases; }

}  // namespace hardload::bench
