#include "loader/torch/load_into.h"

#include <utility>

#include "loader/manifest/script_state.h"
#include "loader/place/map_location.h"
#include "loader/place/selection.h"
#include "loader/torch/guard.h"
#include "loader/torch/in_place.h"
#include "loader/torch/make_tensors.h"
#include "loader/torch/move_tensors.h"
#include "loader/torch/planned_copy.h"

namespace hardload {
namespace {

// The state dict at options.path, and which tensor of the file each entry is.
struct Described {
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

Result<Described> describe_state(const std::shared_ptr<const ByteSource>& archive,
                                 const LoadIntoOptions& options) {
  HARDLOAD_ASSIGN(auto manifest, describe_for(*archive, options.load));
  const Checkpoint shapes(manifest, make_shapes(*manifest), {}, TransferReport());
  HARDLOAD_ASSIGN(StateDict state, shapes.state_dict_at(options.path));
  std::vector<std::uint32_t> tensors = numbers_of_entries(state.origin->value);
  return Described{std::move(manifest), std::move(state), std::move(tensors)};
}

Result<IncompatibleKeys> load_staged(torch::nn::Module& module, Described described,
                                     const LoadPlan& plan,
                                     const std::shared_ptr<const ByteSource>& archive,
                                     const LoadIntoOptions& options) {
  const Selection selection = select(*described.manifest, described.numbers(plan));
  // Copies cross devices by themselves, one parameter at a time.
  const MapLocation places = options.state_dict.assign ? options.load.map_location : "cpu";
  HARDLOAD_ASSIGN(const auto devices, place_for(*described.manifest, places));
  {
    HARDLOAD_ASSIGN(const Checkpoint loaded,
                    move_tensors(archive, described.manifest, selection, devices, options.load));
    for (const PlannedCopy& copy : plan.copies) {
      described.state.entries[copy.state].tensor = loaded.tensors()[described.tensors[copy.state]];
    }
  }
  return load_owned_state_dict(module, std::move(described.state), options.state_dict);
}

}  // namespace

Result<IncompatibleKeys> load_into(torch::nn::Module& module, const std::string& file,
                                   const LoadIntoOptions& options) {
  return guarded([&]() -> Result<IncompatibleKeys> {
    HARDLOAD_ASSIGN(auto source, open_for(file, options.load));
    return load_into(module, std::move(source), options);
  });
}

Result<IncompatibleKeys> load_into(torch::nn::Module& module,
                                   std::shared_ptr<const ByteSource> source,
                                   const LoadIntoOptions& options) {
  auto done = guarded([&]() -> Result<IncompatibleKeys> {
    if (options.state_dict.take_extra_state) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   "load_into does not hand out extra state, of which it reads no tensors")
          .advise("Use load() and load_state_dict().");
    }
    HARDLOAD_ASSIGN(const auto archive, archive_in(source, options.load));
    HARDLOAD_ASSIGN(Described described, describe_state(archive, options));
    HARDLOAD_ASSIGN(LoadPlan plan,
                    plan_load_state_dict(module, described.state, options.state_dict));
    if (options.mode == LoadMode::kStaged) {
      return load_staged(module, std::move(described), plan, archive, options);
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
    HARDLOAD_TRY(load_in_place(archive, described.manifest, copies, options.load));
    return std::move(plan.keys);
  });
  if (done.ok() || !done.error().source().empty()) return done;
  return std::move(done).error().in_source(source->name());
}

}  // namespace hardload
