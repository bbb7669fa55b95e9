#include "loader/torch/load_state_dict.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <ATen/MemoryOverlap.h>
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/match/diagnose.h"
#include "loader/match/error_text.h"
#include "loader/match/match.h"
#include "loader/match/relax.h"
#include "loader/torch/checkpoint.h"
#include "loader/torch/flatten_weights.h"
#include "loader/torch/guard.h"
#include "loader/torch/module_targets.h"
#include "loader/torch/planned_copy.h"
#include "loader/torch/prepare_assign.h"
#include "loader/torch/prepare_copy.h"
#include "loader/torch/state_dict.h"
#include "loader/torch/state_entries.h"

namespace hardload {
namespace {

// All that happens before the module changes, and then the change.
class Loading {
 public:
  // `owned`: the same state dict, where it is to be left without tensors; or nullptr.
  Loading(torch::nn::Module& module, const StateDict& state, StateDict* owned,
          const LoadStateDictOptions& options)
      : state_(state),
        owned_(owned),
        options_(options),
        rules_{options.strip_prefix, options.renames, options.add_prefix},
        targets_(list_targets(module)),
        keys_(state, rules_) {
    if (!options.class_name.empty()) targets_.spec.class_name = options.class_name;
  }

  Result<IncompatibleKeys> run() {
    HARDLOAD_TRY(find());
    HARDLOAD_TRY(prepare());
    IncompatibleKeys keys = incompatible_keys();
    if (options_.report != nullptr) *options_.report = keys;
    if (!report_.fits(options_.strict)) return mismatch_error(keys.diagnosis.get());
    HARDLOAD_TRY(hand_out_extra_states());
    HARDLOAD_TRY(publish());
    // From here on nothing is allocated: there is no way back.
    drop_filled(keys.still_on_meta);
    if (options_.report != nullptr) drop_filled(options_.report->still_on_meta);
    return keys;
  }

  // What run() will do with tensors of these shapes, whose elements are not there yet.
  Result<LoadPlan> plan() {
    HARDLOAD_TRY(find());
    LoadPlan plan{{}, incompatible_keys()};
    if (options_.report != nullptr) *options_.report = plan.keys;
    if (!report_.fits(options_.strict)) return mismatch_error(plan.keys.diagnosis.get());
    for (const MatchReport::Copy& copy : report_.copies) {
      HARDLOAD_TRY(check_target(copy));
      plan.copies.push_back({target(copy), copy.state});
    }
    return plan;
  }

 private:
  Result<void> find() {
    report_ = match(targets_.spec, keys_.entries(), keys_.versions(),
                    options_.take_extra_state ? ExtraStates::kWanted : ExtraStates::kUnexpected);
    HARDLOAD_TRY(check_collisions());
    if (!report_.missing_keys.empty()) number_objects(targets_);
    remember_meta();
    relax(report_, targets_.spec,
          {options_.skip_mismatched_shapes, options_.accept_tied_names, options_.optional_keys,
           options_.ignore_unexpected});
    return {};
  }

  Result<void> check_collisions() const {
    if (report_.collisions.empty()) return {};
    const auto& [first, second] = report_.collisions[0];
    const std::string& a = state_.entries[first].key;
    const std::string& b = state_.entries[second].key;
    if (a == b) {
      return Error(ErrorKind::kKey, Stage::kMatch,
                   concat("the state dict has two entries with the key '", a, "'"))
          .advise("Remove one of them.");
    }
    return Error(ErrorKind::kKey, Stage::kMatch,
                 concat("strip_prefix, renames and add_prefix make one key, '",
                        keys_.entries()[first].key, "', of two: '", a, "' and '", b, "'"))
        .advise("Remove one of the two from the state dict, or change the rules.");
  }

  const at::Tensor& target(const MatchReport::Copy& copy) const {
    return targets_.tensors[copy.node][copy.entry];
  }
  const StateDict::Entry& entry(const MatchReport::Copy& copy) const {
    return state_.entries[copy.state];
  }

  Error refuse(const MatchReport::Copy& copy, std::string_view why, std::string_view advice) const {
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 concat("'", keys_.entries()[copy.state].key, "' ", why))
        .advise(advice);
  }

  // What no conversion of the saved tensor would help.
  Result<void> check_target(const MatchReport::Copy& copy) const {
    const at::Tensor& to = target(copy);
    if (to.is_meta() && !options_.assign) {
      const auto on_meta = [&](const MatchReport::Copy& c) { return target(c).is_meta(); };
      const auto count = std::count_if(report_.copies.begin(), report_.copies.end(), on_meta);
      return refuse(copy,
                    concat("is on the meta device and has no memory to copy to (so are ", count,
                           " of the ", report_.copies.size(), " parameters and buffers to load)"),
                    "Set options.assign = true, so that they take the state dict's memory; or "
                    "build the module on the CPU.");
    }
    if (to.is_inference() && !c10::InferenceMode::is_enabled()) {
      return refuse(copy, "is an inference tensor",
                    "Call load_state_dict under c10::InferenceMode.");
    }
    if (!options_.assign && at::has_internal_overlap(to) == at::MemOverlap::Yes) {
      return refuse(copy, "is an expanded view, whose elements share memory",
                    "Give it memory of its own with clone() first.");
    }
    return {};
  }

  // Converts everything. What PyTorch could not copy either becomes a mismatch, which the message
  // lists with all others; what is refused here alone is the error where there is none of these.
  Result<void> prepare() {
    Result<void> refused;
    copies_.reserve(options_.assign ? 0 : report_.copies.size());
    for (const MatchReport::Copy& copy : report_.copies) {
      Result<void> done = check_target(copy);
      if (done.ok()) done = prepare(copy);
      if (done.ok()) continue;
      if (done.error().kind() != ErrorKind::kUnsupported) return done;
      if (refused.ok()) refused = std::move(done);
    }
    std::stable_sort(report_.mismatches.begin(), report_.mismatches.end(),
                     [](const MatchReport::Mismatch& a, const MatchReport::Mismatch& b) {
                       return std::tie(a.place.node, a.place.entry) <
                              std::tie(b.place.node, b.place.entry);
                     });
    return report_.fits(options_.strict) ? refused : Result<void>();
  }

  Result<void> prepare(const MatchReport::Copy& copy) {
    const at::Tensor& to = target(copy);
    const at::Tensor& from = entry(copy).tensor;
    if (options_.assign) {
      auto prepared = guarded([&] { return PreparedAssign::make(to, from); });
      if (!prepared.ok() && prepared.error().kind() == ErrorKind::kUnsupported) {
        return refuse(copy, prepared.error().problem(), prepared.error().advice());
      }
      if (!prepared.ok()) return not_copied(copy, prepared.error(), prepared.error().advice());
      assigns_.push_back(*std::move(prepared));
      return {};
    }
    auto prepared = guarded([&]() -> Result<PreparedCopy> { return PreparedCopy::make(to, from); });
    if (!prepared.ok()) {
      return not_copied(copy, prepared.error(), from.is_meta() ? kLoadData : "");
    }
    copies_.push_back(*std::move(prepared));
    return {};
  }

  // A mismatch with LibTorch's reason; `advice` is what can be done about it.
  Result<void> not_copied(const MatchReport::Copy& copy, const Error& error,
                          std::string_view advice) {
    if (error.kind() == ErrorKind::kOutOfMemory) return error;
    if (advice_.empty()) advice_ = advice;
    const auto shape = target(copy).sizes();  // and the saved one: [1] for [] is [] by now
    report_.mismatches.push_back({std::string(keys_.entries()[copy.state].key),
                                  {},
                                  {shape.begin(), shape.end()},
                                  {shape.begin(), shape.end()},
                                  {copy.node, copy.entry},
                                  error.problem()});
    return {};
  }

  IncompatibleKeys incompatible_keys() const {
    IncompatibleKeys keys;
    keys.missing_keys = report_.missing_keys;
    keys.unexpected_keys = {report_.unexpected_keys.begin(), report_.unexpected_keys.end()};
    for (const auto* list : {&report_.mismatches, &report_.skipped}) {
      for (const MatchReport::Mismatch& m : *list) {
        keys.mismatched_keys.push_back(
            {m.key, m.saved, m.model, m.type.empty() ? m.exception : m.type});
      }
    }
    keys.tied_keys = report_.tied_keys;
    keys.still_on_meta = names_on_meta();
    if (!report_.fits(/*strict=*/true)) {
      DiagnosisInput input = {targets_.spec, keys_.entries()};
      input.rules = &rules_;
      if (state_.origin != nullptr) {
        input.manifest = &state_.origin->checkpoint.manifest();
        input.identity = state_.origin->value.identity();
      }
      keys.diagnosis = std::make_shared<const Diagnosis>(diagnose(report_, input));
    }
    return keys;
  }

  Error mismatch_error(const Diagnosis* diagnosis) const {
    const std::string& name = targets_.spec.class_name;
    std::string advice = diagnosis != nullptr ? diagnosis->text() : "";
    if (!advice_.empty()) advice = concat(advice_, advice.empty() ? "" : " ", advice);
    Error error(ErrorKind::kKey, Stage::kMatch,
                error_text(report_, name, options_.strict, unquoted));
    return std::move(error)
        .show_as(error_text(report_, name, options_.strict, escape_for_display, kShown))
        .advise(advice);
  }

  Result<void> hand_out_extra_states() const {
    for (const MatchReport::ExtraState& extra : report_.extra_states) {
      std::string_view path = targets_.spec.nodes[extra.node].prefix;
      if (!path.empty()) path.remove_suffix(1);  // its "."
      HARDLOAD_TRY(options_.take_extra_state(path, state_.entries[extra.state]));
    }
    return {};
  }

  // What can fail goes first: nothing on the CPU does.
  Result<void> publish() {
    // So that the copies are the only ones that have them.
    if (owned_ != nullptr) owned_->entries.clear();
    std::size_t written = 0;
    for (PreparedCopy& copy : copies_) {
      if (!copy.may_fail()) continue;
      auto done = guarded([&]() -> Result<void> { return copy.publish(), Result<void>(); });
      if (!done.ok()) {
        return Error(ErrorKind::kDevice, Stage::kTorch,
                     concat("a device failed after ", written, " of ", copies_.size(),
                            " parameters and buffers were written: ", done.error().problem()))
            .advise("Use another device; the module holds some new and some old values.");
      }
      ++written;
    }
    for (PreparedCopy& copy : copies_) {
      if (!copy.may_fail()) copy.publish(/*may_take_memory=*/owned_ != nullptr);
    }
    for (PreparedAssign& assign : assigns_) assign.publish();
    for (std::size_t i = 0; i < assigns_.size(); ++i) {
      const std::uint32_t node = report_.copies[i].node;
      const bool is_last = i + 1 == assigns_.size() || report_.copies[i + 1].node != node;
      if (is_last) flatten_weights(*targets_.modules[node]);
    }
    return {};
  }

  // What is on the meta device and not loaded. Some of it may get memory through a tied name.
  void remember_meta() {
    const auto remember = [&](const MatchReport::Place& place) {
      if (targets_.tensors[place.node][place.entry].is_meta()) on_meta_.push_back(place);
    };
    for (const MatchReport::Place& place : report_.missing_places) remember(place);
    for (const MatchReport::Mismatch& m : report_.mismatches) remember(m.place);
  }
  std::vector<std::string> names_on_meta() const {
    std::vector<std::string> names;
    for (const MatchReport::Place& place : on_meta_) {
      const ModuleSpec::Node& node = targets_.spec.nodes[place.node];
      names.push_back(node.prefix + node.entries[place.entry].name);
    }
    return names;
  }
  // Takes out of `names`, which names_on_meta() made, what has got memory since.
  void drop_filled(std::vector<std::string>& names) const {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < on_meta_.size(); ++i) {
      if (!targets_.tensors[on_meta_[i].node][on_meta_[i].entry].is_meta()) continue;
      if (kept != i) names[kept] = std::move(names[i]);
      ++kept;
    }
    names.resize(kept);
  }

  const StateDict& state_;
  StateDict* const owned_;
  const LoadStateDictOptions& options_;
  const KeyRules rules_;
  ModuleTargets targets_;
  const StateEntries keys_;
  std::string advice_;  // on what LibTorch could not copy
  MatchReport report_;
  std::vector<MatchReport::Place> on_meta_;
  std::vector<PreparedCopy> copies_;
  std::vector<PreparedAssign> assigns_;
};

}  // namespace

Result<IncompatibleKeys> load_state_dict(torch::nn::Module& module, const StateDict& state,
                                         const LoadStateDictOptions& options) {
  HARDLOAD_TRY(check_rules({options.strip_prefix, options.renames, options.add_prefix}));
  return guarded([&] { return Loading(module, state, nullptr, options).run(); });
}

Result<IncompatibleKeys> load_owned_state_dict(torch::nn::Module& module, StateDict state,
                                               const LoadStateDictOptions& options) {
  return guarded([&] { return Loading(module, state, &state, options).run(); });
}

Result<LoadPlan> plan_load_state_dict(torch::nn::Module& module, const StateDict& state,
                                      const LoadStateDictOptions& options) {
  HARDLOAD_TRY(check_rules({options.strip_prefix, options.renames, options.add_prefix}));
  return guarded([&] { return Loading(module, state, nullptr, options).plan(); });
}

}  // namespace hardload
