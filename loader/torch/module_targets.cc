#include "loader/torch/module_targets.h"

#include <string>
#include <unordered_map>
#include <utility>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/instancenorm.h>

#include "loader/torch/class_name.h"

namespace hardload {
namespace {

void add_entry(ModuleSpec::Node& node, std::vector<at::Tensor>& tensors, const std::string& name,
               const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const auto sizes = tensor.sizes();
  node.entries.push_back({name, {sizes.begin(), sizes.end()}});
  tensors.push_back(tensor);
}

template <typename... Impl>
bool is_any_of(const torch::nn::Module& module) {
  return (... || (dynamic_cast<const Impl*>(&module) != nullptr));
}

// Python's _NormBase.
bool counts_batches(const torch::nn::Module& module) {
  return is_any_of<torch::nn::BatchNorm1dImpl, torch::nn::BatchNorm2dImpl,
                   torch::nn::BatchNorm3dImpl, torch::nn::InstanceNorm1dImpl,
                   torch::nn::InstanceNorm2dImpl, torch::nn::InstanceNorm3dImpl>(module);
}

// Adds `module` and all below it. Not through named_modules(), which throws for modules that are no
// shared_ptr, and not through named_parameters(recurse = true), which crashes on null children.
std::uint32_t add_node(torch::nn::Module& module, std::string prefix, ModuleTargets& targets) {
  const auto number = static_cast<std::uint32_t>(targets.spec.nodes.size());
  ModuleSpec::Node node{std::move(prefix), {}, {}, counts_batches(module)};
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : module.named_parameters(/*recurse=*/false)) {
    add_entry(node, tensors, parameter.key(), parameter.value());
  }
  for (const auto& buffer : module.named_buffers(/*recurse=*/false)) {
    add_entry(node, tensors, buffer.key(), buffer.value());
  }
  targets.spec.nodes.push_back(std::move(node));
  targets.tensors.push_back(std::move(tensors));
  targets.modules.push_back(&module);
  for (const auto& child : module.named_children()) {
    const std::uint32_t below =
        child.value() == nullptr
            ? ModuleSpec::kNone
            : add_node(*child.value(), targets.spec.nodes[number].prefix + child.key() + ".",
                       targets);
    targets.spec.nodes[number].children.push_back({child.key(), below});
  }
  return number;
}

}  // namespace

ModuleTargets list_targets(torch::nn::Module& module) {
  ModuleTargets targets;
  targets.spec.class_name = python_class_name(module.name());
  add_node(module, "", targets);
  return targets;
}

void number_objects(ModuleTargets& targets) {
  std::unordered_map<const void*, std::uint32_t> numbers;
  for (std::size_t node = 0; node < targets.tensors.size(); ++node) {
    for (std::size_t entry = 0; entry < targets.tensors[node].size(); ++entry) {
      const void* object = targets.tensors[node][entry].unsafeGetTensorImpl();
      const auto number = static_cast<std::uint32_t>(numbers.size());
      targets.spec.nodes[node].entries[entry].object =
          numbers.emplace(object, number).first->second;
    }
  }
}

}  // namespace hardload
