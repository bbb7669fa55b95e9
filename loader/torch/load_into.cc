#include "loader/torch/load_into.h"

#include <utility>
#include <vector>

#include <c10/core/DeviceType.h>

#include "loader/manifest/script_state.h"
#include "loader/place/device.h"
#include "loader/place/selection.h"
#include "loader/torch/dtype_map.h"
#include "loader/torch/guard.h"
#include "loader/torch/in_place.h"
#include "loader/torch/make_tensors.h"
#include "loader/torch/move_tensors.h"
#include "loader/torch/planned_copy.h"

namespace hardload {
namespace {

// The state dict at options.path, and which tensor of the file each entry is.
struct DescribedState {
  std::shared_ptr<const Manifest> manifest;
  StateDict state;                     // tensors on the meta device
  std::vector<std::uint32_t> tensors;  // the numbers of its entries
  std::vector<std::uint32_t> numbers(const LoadPlan& plan) const {
    std::vector<std::uint32_t> chosen;
    for (const PlannedCopy& copy : plan.copies) chosen.push_back(tensors[copy.state]);
    return chosen;
  }
};

std::vector<std::uint32_t> numbers_of_entries(Value dict) {
  std::vector<std::uint32_t> numbers;
  const auto add = [&](Value value) {
    const bool is_tensor = value.kind() == ValueKind::kTensor;
    numbers.push_back(is_tensor ? static_cast<std::uint32_t>(value.number()) : 0);
  };
  if (dict.kind() == ValueKind::kScript) {
    for (const ScriptTensor& entry : script_state(dict)) add(entry.tensor);
  } else {
    for (std::size_t i = 0; i < dict.size(); ++i) add(dict.item(i));
  }
  return numbers;
}

// Where each storage goes: to the device of the parameter that takes its elements as they are.
// Where there is none or several, or they are converted, to the CPU: copies cross devices by
// themselves.
std::vector<Device> places_of_targets(const DescribedState& described, const LoadPlan& plan) {
  const Manifest& manifest = *described.manifest;
  const Device cpu{"cpu"};
  std::vector<Device> places(manifest.storages().size(), cpu);
  std::vector<bool> is_placed(places.size());
  for (const PlannedCopy& copy : plan.copies) {
    const TensorSpec& from = manifest.tensors()[described.tensors[copy.state]];
    if (from.storage == TensorSpec::kNoStorage) continue;
    const c10::Device device = copy.target.device();
    const bool as_is = !device.is_meta() && !from.is_quantized() &&
                       scalar_type(from.dtype) == copy.target.scalar_type();
    const Device wanted =
        as_is && !device.is_cpu()
            ? Device{c10::DeviceTypeName(device.type(), /*lower_case=*/true), device.index()}
            : cpu;
    Device& place = places[from.storage];
    place = is_placed[from.storage] && place != wanted ? cpu : wanted;
    is_placed[from.storage] = true;
  }
  return places;
}

Result<DescribedState> describe_state(std::shared_ptr<const Manifest> manifest,
                                      const LoadIntoOptions& options) {
  const Checkpoint shapes(manifest, make_shapes(*manifest), {}, TransferReport());
  HARDLOAD_ASSIGN(StateDict state, shapes.state_dict_at(options.path));
  std::vector<std::uint32_t> tensors = numbers_of_entries(state.origin->value);
  return DescribedState{std::move(manifest), std::move(state), std::move(tensors)};
}

Result<IncompatibleKeys> load_staged(torch::nn::Module& module, DescribedState described,
                                     const LoadPlan& plan,
                                     const std::shared_ptr<const ByteSource>& source,
                                     const LoadIntoOptions& options) {
  const Selection selection = select(*described.manifest, described.numbers(plan));
  std::vector<Device> devices = places_of_targets(described, plan);
  if (options.state_dict.assign) {
    HARDLOAD_ASSIGN(devices, place_for(*described.manifest, options.load.map_location));
  }
  {
    HARDLOAD_ASSIGN(const Checkpoint loaded,
                    move_tensors(source, described.manifest, selection, devices, options.load));
    for (const PlannedCopy& copy : plan.copies) {
      described.state.entries[copy.state].tensor = loaded.tensors()[described.tensors[copy.state]];
    }
  }
  return load_owned_state_dict(module, std::move(described.state), options.state_dict);
}

// `name`: of the path or source that it is loaded from.
template <typename From>
Result<IncompatibleKeys> load_from(torch::nn::Module& module, const From& from,
                                   std::string_view name, const LoadIntoOptions& options) {
  auto done = guarded([&]() -> Result<IncompatibleKeys> {
    if (options.state_dict.take_extra_state) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   "load_into does not hand out extra state, of which it reads no tensors")
          .advise("Use load() and load_state_dict().");
    }
    HARDLOAD_ASSIGN(const Opened opened, open_for(from, options.load));
    HARDLOAD_ASSIGN(DescribedState described, describe_state(opened.manifest, options));
    HARDLOAD_ASSIGN(LoadPlan plan,
                    plan_load_state_dict(module, described.state, options.state_dict));
    if (options.mode == LoadMode::kStaged) {
      return load_staged(module, std::move(described), plan, opened.source, options);
    }
    if (options.state_dict.assign) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch, "loading in place does not assign")
          .advise("Load staged, which is the default.");
    }
    std::vector<InPlaceCopy> copies;
    for (const PlannedCopy& copy : plan.copies) {
      copies.push_back(
          {copy.target, described.tensors[copy.state], described.state.entries[copy.state].key});
    }
    HARDLOAD_TRY(load_in_place(opened.source, described.manifest, copies, options.load));
    return std::move(plan.keys);
  });
  if (done.ok() || !done.error().source().empty()) return done;
  return std::move(done).error().in_source(name);
}

}  // namespace

Result<IncompatibleKeys> load_into(torch::nn::Module& module, const std::string& file,
                                   const LoadIntoOptions& options) {
  return guarded([&] { return load_from(module, file, file, options); });
}

Result<IncompatibleKeys> load_into(torch::nn::Module& module,
                                   std::shared_ptr<const ByteSource> source,
                                   const LoadIntoOptions& options) {
  return guarded([&] { return load_from(module, source, source->name(), options); });
}

}  // namespace hardload
