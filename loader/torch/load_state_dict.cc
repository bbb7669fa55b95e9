#include "loader/torch/load_state_dict.h"

#include <utility>

#include <ATen/MemoryOverlap.h>
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/match/diagnose.h"
#include "loader/match/match.h"
#include "loader/torch/guard.h"
#include "loader/torch/module_targets.h"
#include "loader/torch/state_dict.h"

namespace hardload {
namespace {

// A copy that has been prepared so far that it cannot fail.
struct Copy {
  at::Tensor target;
  at::Tensor source;  // of the target's shape, dtype and device
};

std::vector<StateEntry> entries_of(const StateDict& state) {
  std::vector<StateEntry> entries;
  entries.reserve(state.entries.size());
  for (const StateDict::Entry& entry : state.entries) {
    if (entry.tensor.defined()) {
      const auto sizes = entry.tensor.sizes();
      entries.push_back({entry.key, {}, {sizes.data(), sizes.size()}});
    } else {
      const std::string_view type = entry.type;
      entries.push_back({entry.key, type.empty() ? "NoneType" : type, {}});
    }
  }
  return entries;
}

std::string unquoted(std::string_view text) { return std::string(text); }

Error mismatch_error(const MatchReport& report, std::span<const StateEntry> entries,
                     std::string_view class_name, bool strict) {
  return Error(ErrorKind::kKey, Stage::kMatch, error_text(report, class_name, strict, unquoted))
      .show_as(error_text(report, class_name, strict, escape_for_display))
      .advise(diagnose(report, entries));
}

Result<Copy> prepare(const at::Tensor& target, const at::Tensor& source, const std::string& key) {
  const auto refuse = [&](std::string_view why, std::string_view advice) {
    return Error(ErrorKind::kUnsupported, Stage::kTorch, concat("'", key, "' ", why))
        .advise(advice);
  };
  if (target.is_meta()) {
    return refuse("is on the meta device and has no memory to copy to",
                  "Build the module on the CPU, or give it memory with to_empty first.");
  }
  if (source.is_meta()) {
    return refuse("is on the meta device in the state dict and has no data",
                  "Load the file without map_location \"meta\".");
  }
  if (target.is_inference() && !c10::InferenceMode::is_enabled()) {
    return refuse("is an inference tensor", "Call load_state_dict under c10::InferenceMode.");
  }
  if (at::has_internal_overlap(target) == at::MemOverlap::Yes) {
    return refuse("is an expanded view, whose elements share memory",
                  "Give it memory of its own with clone() first.");
  }
  at::Tensor converted = source.detach();
  if (converted.dim() == 1 && target.dim() == 0) converted = converted.squeeze(0);
  if (converted.scalar_type() != target.scalar_type() || converted.device() != target.device()) {
    converted = converted.to(target.options().requires_grad(false));
  }
  return Copy{target.detach(), std::move(converted)};
}

Result<IncompatibleKeys> run(torch::nn::Module& module, const StateDict& state,
                             const LoadStateDictOptions& options) {
  ModuleTargets targets = list_targets(module);
  if (!options.class_name.empty()) targets.spec.class_name = options.class_name;
  const std::vector<StateEntry> entries = entries_of(state);
  std::vector<ModuleVersion> versions;
  for (const StateDict::Version& version : state.versions) {
    versions.push_back({version.path, version.version});
  }
  const MatchReport report = match(targets.spec, entries, versions);
  if (!report.fits(options.strict)) {
    return mismatch_error(report, entries, targets.spec.class_name, options.strict);
  }

  std::vector<Copy> copies;
  copies.reserve(report.copies.size());
  for (const MatchReport::Copy& copy : report.copies) {
    HARDLOAD_ASSIGN(Copy prepared,
                    prepare(targets.tensors[copy.node][copy.entry],
                            state.entries[copy.state].tensor, state.entries[copy.state].key));
    copies.push_back(std::move(prepared));
  }
  // copy_ also tells autograd that the parameter has changed.
  const c10::NoGradGuard no_grad;
  for (const Copy& copy : copies) copy.target.copy_(copy.source);
  return IncompatibleKeys{report.missing_keys,
                          {report.unexpected_keys.begin(), report.unexpected_keys.end()}};
}

}  // namespace

Result<IncompatibleKeys> load_state_dict(torch::nn::Module& module, const StateDict& state,
                                         const LoadStateDictOptions& options) {
  return guarded([&] { return run(module, state, options); });
}

}  // namespace hardload
