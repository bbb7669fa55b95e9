#include "loader/torch/checkpoint.h"

#include <string>

#include "loader/base/text.h"

namespace hardload {
namespace {

Error wrong(std::string problem) {
  return Error(ErrorKind::kKey, Stage::kTorch, std::move(problem));
}

// The attribute that Module.state_dict() sets on its OrderedDict: path -> {'version': number}.
std::vector<StateDict::Version> versions_of(Value dict) {
  std::vector<StateDict::Version> versions;
  const auto attributes = dict.attributes();
  const auto metadata = attributes ? attributes->find("_metadata") : std::nullopt;
  for (std::size_t i = 0; metadata && i < metadata->size(); ++i) {
    const auto path = metadata->is_mapping() ? metadata->key(i).as_string() : std::nullopt;
    const auto version = path ? metadata->item(i).find("version") : std::nullopt;
    const auto number = version ? version->as_int() : std::nullopt;
    if (number) versions.push_back({std::string(*path), *number});
  }
  return versions;
}

}  // namespace

Result<at::Tensor> Checkpoint::tensor(std::string_view name) const {
  for (const NamedTensor& named : manifest_->named_tensors()) {
    if (manifest_->name(named) == name) return tensors_[named.tensor];
  }
  return wrong(concat("the file holds no tensor of the name '", name, "'"));
}

Result<StateDict> Checkpoint::state_dict(std::string_view key) const {
  const auto value = root().find(key);
  if (!value) return wrong(concat("the file holds nothing under the key '", key, "'"));
  return state_dict(*value);
}

Result<StateDict> Checkpoint::state_dict(Value dict) const {
  if (!dict.is_mapping()) {
    auto error = wrong(concat("this is a ", python_type_name(dict.kind()), ", not a state dict"));
    return std::move(error).advise("Save model.state_dict() and load that.");
  }
  StateDict state;
  state.versions = versions_of(dict);
  state.entries.reserve(dict.size());
  for (std::size_t i = 0; i < dict.size(); ++i) {
    const auto key = dict.key(i).as_string();
    if (!key) {
      return wrong(concat("a key of the dict is a ", python_type_name(dict.key(i).kind()),
                          "; keys of a state dict are strings"));
    }
    const Value value = dict.item(i);
    if (value.kind() == ValueKind::kTensor) {
      state.entries.push_back({std::string(*key), tensor(value), {}});
    } else {
      state.entries.push_back({std::string(*key), {}, std::string(python_type_name(value.kind()))});
    }
  }
  return state;
}

}  // namespace hardload
