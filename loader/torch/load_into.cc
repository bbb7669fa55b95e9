#include "loader/torch/load_into.h"

#include <utility>

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
struct DescribedState {
  std::shared_ptr<const Manifest> manifest;
  StateDict state;  // tensors on the meta device
  std::vector<std::uint32_t> numbers(const LoadPlan& plan) const {
    std::vector<std::uint32_t> tensors;
    for (const PlannedCopy& copy : plan.copies) tensors.push_back(number(copy.state));
    return tensors;
  }
  std::uint32_t number(std::size_t entry) const {
    return static_cast<std::uint32_t>(state.origin->value.item(entry).number());
  }
};

Result<DescribedState> describe_state(std::shared_ptr<const Manifest> manifest,
                                      const LoadIntoOptions& options) {
  const Checkpoint shapes(manifest, make_shapes(*manifest), {}, TransferReport());
  HARDLOAD_ASSIGN(StateDict state, shapes.state_dict_at(options.path));
  return DescribedState{std::move(manifest), std::move(state)};
}

Result<IncompatibleKeys> load_staged(torch::nn::Module& module, DescribedState described,
                                     const LoadPlan& plan,
                                     const std::shared_ptr<const ByteSource>& source,
                                     const LoadIntoOptions& options) {
  const Selection selection = select(*described.manifest, described.numbers(plan));
  // Copies cross devices by themselves, one parameter at a time.
  const MapLocation places = options.state_dict.assign ? options.load.map_location : "cpu";
  HARDLOAD_ASSIGN(const auto devices, place_for(*described.manifest, places));
  {
    HARDLOAD_ASSIGN(const Checkpoint loaded,
                    move_tensors(source, described.manifest, selection, devices, options.load));
    for (const PlannedCopy& copy : plan.copies) {
      described.state.entries[copy.state].tensor = loaded.tensors()[described.number(copy.state)];
    }
  }
  return load_owned_state_dict(module, std::move(described.state), options.state_dict);
}

// `name`: of the path or source that it is loaded from.
template <typename From>
Result<IncompatibleKeys> load_from(torch::nn::Module& module, From from, std::string_view name,
                                   const LoadIntoOptions& options) {
  auto done = guarded([&]() -> Result<IncompatibleKeys> {
    if (options.state_dict.take_extra_state) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   "load_into does not hand out extra state, of which it reads no tensors")
          .advise("Use load() and load_state_dict().");
    }
    HARDLOAD_ASSIGN(const Opened opened, open_for(std::move(from), options.load));
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
          {copy.target, described.number(copy.state), described.state.entries[copy.state].key});
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
  return load_from(module, file, file, options);
}

Result<IncompatibleKeys> load_into(torch::nn::Module& module,
                                   std::shared_ptr<const ByteSource> source,
                                   const LoadIntoOptions& options) {
  return load_from(module, source, source->name(), options);
}

}  // namespace hardload
