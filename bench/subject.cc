#include "bench/subject.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>

#include <ATen/ops/empty.h>
#include <nlohmann/json.hpp>

#include "bench/checkpoint_writer.h"
#include "loader/cli/sha256.h"
#include "loader/hardload.h"

namespace hardload::bench {
namespace {

// Cheap to compute again, different for every element of every tensor.
std::uint32_t pattern(std::size_t tensor, std::int64_t element) {
  return static_cast<std::uint32_t>(tensor) * 2654435761u + static_cast<std::uint32_t>(element);
}

at::Tensor pattern_tensor(std::size_t index, std::int64_t elements) {
  at::Tensor tensor = at::empty({elements}, at::kFloat);
  auto* words = static_cast<std::uint32_t*>(tensor.mutable_data_ptr());
  for (std::int64_t i = 0; i < elements; ++i) words[i] = pattern(index, i);
  return tensor;
}

std::string check_pattern(const Loaded& loaded, std::size_t tensors, std::int64_t elements) {
  if (loaded.size() != tensors) return "wrong number of tensors";
  for (const auto& [name, tensor] : loaded) {
    const std::size_t index = std::stoul(name.substr(name.rfind('_') + 1));
    if (tensor.numel() != elements || !tensor.is_contiguous()) return "wrong shape of " + name;
    const at::Tensor host = tensor.cpu();
    const auto* words = static_cast<const std::uint32_t*>(host.const_data_ptr());
    for (std::int64_t i = 0; i < elements; ++i) {
      if (words[i] != pattern(index, i)) return "wrong element in " + name;
    }
  }
  return "";
}

std::string digest_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.cpu().contiguous();
  Sha256 hash;
  hash.update({static_cast<const std::byte*>(host.const_data_ptr()),
               static_cast<std::size_t>(host.nbytes())});
  return hash.hex();
}

std::string check_digests(const Loaded& loaded, const std::map<std::string, std::string>& digests) {
  if (loaded.size() != digests.size()) return "wrong number of tensors";
  for (const auto& [name, tensor] : loaded) {
    const auto expected = digests.find(name);
    if (expected == digests.end() || expected->second != digest_of(tensor)) {
      return "wrong content of " + name;
    }
  }
  return "";
}

}  // namespace

Subject generate_subject(const std::string& name, const std::string& folder, std::size_t tensors,
                         std::int64_t elements) {
  std::vector<NamedShape> entries;
  for (std::size_t i = 0; i < tensors; ++i) {
    entries.push_back(
        {"layers." + std::to_string(i / 8) + ".weight_" + std::to_string(i), {elements}});
  }
  const std::string path = folder + "/" + name + ".pt";
  write_checkpoint(path, entries, [&](std::size_t i) { return pattern_tensor(i, elements); });
  return {name, path, tensors * static_cast<std::uint64_t>(elements) * sizeof(float),
          /*plain_dict=*/true,
          [=](const Loaded& loaded) { return check_pattern(loaded, tensors, elements); }};
}

Subject real_subject(const std::string& path, const std::string& digests) {
  std::ifstream file(digests);
  const auto description = nlohmann::json::parse(file);
  std::map<std::string, std::string> expected;
  std::uint64_t bytes = 0;
  for (const auto& tensor : description["tensors"]) {
    expected.emplace(tensor["name"].get<std::string>(), tensor["sha256"].get<std::string>());
    bytes += tensor["nbytes"].get<std::uint64_t>();
  }
  return {"full.pth", path, bytes, /*plain_dict=*/false,
          [=](const Loaded& loaded) { return check_digests(loaded, expected); }};
}

Subject plain_twin(const Subject& subject, const std::string& folder) {
  const auto checkpoint = load(subject.path).value();
  const StateDict state = checkpoint.state_dict().value();
  std::vector<NamedShape> entries;
  for (const StateDict::Entry& entry : state.entries) {
    entries.push_back({entry.key, entry.tensor.sizes().vec(), entry.tensor.scalar_type()});
  }
  Subject twin = subject;
  twin.name += " as a dict";
  twin.path = folder + "/plain.pt";
  twin.plain_dict = true;
  write_checkpoint(twin.path, entries,
                   [&](std::size_t i) { return state.entries[i].tensor.contiguous(); });
  return twin;
}

}  // namespace hardload::bench
