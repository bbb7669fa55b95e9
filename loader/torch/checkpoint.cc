#include "loader/torch/checkpoint.h"

#include <optional>
#include <string>

#include "loader/base/text.h"
#include "loader/manifest/script_state.h"

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

// The value under a key of a dict, or at an index, in decimal, of a list.
std::optional<Value> step(const Value& value, std::string_view key) {
  if (value.is_mapping()) return value.find(key);
  for (std::size_t i = 0; value.is_sequence() && i < value.size(); ++i) {
    if (concat(i) == key) return value.item(i);
  }
  return std::nullopt;
}

// Where in a list or tuple there is a dict: scripts save (model.state_dict(), epoch), too.
std::string advice_for(const Value& value) {
  for (std::size_t i = 0; value.is_sequence() && i < value.size(); ++i) {
    if (value.item(i).is_mapping() && value.item(i).size() > 0) {
      return concat("There is a dict in it: take checkpoint.state_dict({\"", i, "\"}).");
    }
  }
  return "Save model.state_dict() and load that.";
}

}  // namespace

Result<at::Tensor> Checkpoint::tensor(std::string_view name) const {
  for (const NamedTensor& named : manifest().named_tensors()) {
    if (manifest().name(named) != name) continue;
    const at::Tensor& tensor = tensors()[named.tensor];
    return tensor.defined() ? Result<at::Tensor>(tensor)
                            : wrong(concat("the tensor '", name, "' was not chosen to be loaded"));
  }
  return wrong(concat("the file holds no tensor of the name '", name, "'"));
}

Result<StateDict> Checkpoint::state_dict(std::string_view key) const {
  return state_dict_at({std::string(key)});
}

Result<StateDict> Checkpoint::state_dict_at(const std::vector<std::string>& path) const {
  Value value = root();
  std::string shown;
  for (const std::string& key : path) {
    append(shown, shown.empty() ? "'" : ", '", key, "'");
    const auto next = step(value, key);
    if (!next) return wrong(concat("the file holds nothing under the key ", shown));
    value = *next;
  }
  return state_dict(value);
}

Result<StateDict> Checkpoint::state_dict(Value dict) const {
  if (!dict.is_mapping()) {
    auto error = wrong(concat("this is a ", python_type_name(dict.kind()), ", not a state dict"));
    return std::move(error).advise(advice_for(dict));
  }
  StateDict state;
  state.versions = versions_of(dict);
  state.origin = std::make_shared<const SavedValue>(SavedValue{*this, dict});
  if (dict.kind() == ValueKind::kScript) {
    for (ScriptTensor& entry : script_state(dict)) {
      if (!tensor(entry.tensor).defined()) continue;  // not chosen to be loaded
      state.entries.push_back({std::move(entry.name), tensor(entry.tensor), {}});
    }
    return state;
  }
  state.entries.reserve(dict.size());
  for (std::size_t i = 0; i < dict.size(); ++i) {
    const auto key = dict.key(i).as_string();
    if (!key) {
      auto error = wrong(concat("a key of the dict is a ", python_type_name(dict.key(i).kind()),
                                "; keys of a state dict are strings"));
      return std::move(error).advise(
          "Take the dict that maps the names of parameters to tensors, what model.state_dict() "
          "returned.");
    }
    const Value value = dict.item(i);
    if (value.kind() == ValueKind::kTensor) {
      if (!tensor(value).defined()) continue;  // not chosen to be loaded
      state.entries.push_back({std::string(*key), tensor(value), {}});
    } else {
      state.entries.push_back({std::string(*key),
                               {},
                               std::string(python_type_name(value.kind())),
                               std::make_shared<const SavedValue>(SavedValue{*this, value})});
    }
  }
  return state;
}

}  // namespace hardload
