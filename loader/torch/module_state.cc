#include "loader/torch/module_state.h"

#include "loader/torch/module_targets.h"

namespace hardload {

StateDict state_dict_of(const torch::nn::Module& module) {
  const ModuleTargets targets = list_targets(const_cast<torch::nn::Module&>(module));
  StateDict state;
  for (std::size_t i = 0; i < targets.spec.nodes.size(); ++i) {
    const ModuleSpec::Node& node = targets.spec.nodes[i];
    for (std::size_t j = 0; j < node.entries.size(); ++j) {
      state.entries.push_back(
          {node.prefix + node.entries[j].name, targets.tensors[i][j].detach(), {}});
    }
    const std::string path =
        node.prefix.substr(0, node.prefix.empty() ? 0 : node.prefix.size() - 1);
    // torch/nn/modules: 1 for all, but 2 for _NormBase.
    state.versions.push_back({path, node.counts_batches ? 2 : 1});
  }
  return state;
}

}  // namespace hardload
