#include "loader/match/diagnose.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/match/shapes.h"

namespace hardload {
namespace {

constexpr std::uint64_t kMostWork = std::uint64_t{64} << 20;  // bytes of names hashed and compared
constexpr std::size_t kMostShown = 5;                         // of each list in the text
constexpr std::size_t kMostRows = 8;                          // of the table
constexpr std::size_t kLongestShown = 200;                    // bytes of a name in the text

using Cause = Diagnosis::Cause;

std::string quoted(std::string_view key) {
  if (key.size() <= kLongestShown) return "\"" + escape_for_display(key) + "\"";
  return "\"" + escape_for_display(key.substr(0, kLongestShown)) + "...\"";
}

std::string rule_text(const Rename& rule) {
  return concat("{", quoted(rule.from), ", ", quoted(rule.to), "}");
}

// `"model"`, `{"models", "0"}`: an argument of Checkpoint::state_dict.
std::string path_text(const std::vector<std::string>& path) {
  if (path.size() == 1) return quoted(path[0]);
  std::string text = "{";
  for (std::size_t i = 0; i < path.size(); ++i) append(text, i == 0 ? "" : ", ", quoted(path[i]));
  return text + "}";
}

class Diagnostician {
 public:
  Diagnostician(const MatchReport& report, const DiagnosisInput& input)
      : report_(report), input_(input), rules_(input.rules != nullptr ? *input.rules : no_rules_) {}

  Diagnosis run() && {
    Work work(kMostWork);
    found_.prefix = find_prefix(report_.missing_keys, report_.unexpected_keys, work);
    if (input_.manifest != nullptr && !report_.missing_keys.empty()) {
      Work nested_work(kMostWork);
      found_.nested = find_nested(*input_.manifest, input_.module, nested_work);
    }
    if (!found_.prefix) {
      Work names_work(kMostWork);
      NearNames near = find_near_names(report_.missing_keys, report_.unexpected_keys, names_work);
      found_.near_names = std::move(near.pairs);
      found_.rename = std::move(near.rename);
    }
    found_.table = shape_table(report_.mismatches, kMostRows);
    const bool named = is_optimizer() || is_nested() || is_prefix() || is_tied() || is_renamed() ||
                       is_shapes() || is_other_model();
    if (!named) name_difference();
    return std::move(found_);
  }

 private:
  void name(Cause cause, std::string sentence, std::string remedy = {}) {
    found_.cause = cause;
    found_.sentence = std::move(sentence);
    found_.remedy = std::move(remedy);
  }

  // What training scripts save beside the model (torch/optim/optimizer.py, state_dict).
  bool is_optimizer() {
    const auto has = [&](std::string_view key) {
      return std::any_of(input_.state.begin(), input_.state.end(), [&](const StateEntry& entry) {
        return entry.key == key && !entry.is_tensor();
      });
    };
    if (!report_.copies.empty() || !has("state") || !has("param_groups")) return false;
    name(Cause::kOptimizer,
         "this is the state of an optimizer (its keys are \"state\" and \"param_groups\"), not of "
         "a model");
    if (!found_.nested.empty()) {
      append(found_.sentence, "; the model's is beside it");
      found_.remedy = nested_remedy(found_.nested[0]);
    }
    return true;
  }

  // Another dict of the file holds more of the names than this one, even without a prefix.
  bool is_nested() {
    if (input_.manifest == nullptr) return is_nested_by_type();
    if (found_.nested.empty()) return false;
    const NestedFit& best = found_.nested[0];
    const std::size_t here = report_.copies.size() + report_.mismatches.size() +
                             (found_.prefix ? found_.prefix->explained : 0);
    if (best.identity == input_.identity || best.matched <= here) return false;
    std::string text = "the state dict is nested in the file: ";
    const std::size_t count = std::min(found_.nested.size(), kMostShown);
    for (std::size_t i = 0; i < count; ++i) {
      const NestedFit& fit = found_.nested[i];
      append(text, i == 0 ? "" : ", ", path_text(fit.path), " has ", fit.matched, " of the ",
             fit.names, " names");
      if (fit.same_shape < fit.matched) append(text, " (", fit.same_shape, " in its shape)");
      if (!fit.prefix.empty()) append(text, " behind ", quoted(fit.prefix));
    }
    name(Cause::kNested, std::move(text), nested_remedy(best));
    return true;
  }

  static std::string nested_remedy(const NestedFit& fit) {
    std::string text = fit.path.empty()
                           ? std::string("checkpoint.state_dict()")
                           : concat("checkpoint.state_dict(", path_text(fit.path), ")");
    if (!fit.prefix.empty()) append(text, " with options.strip_prefix = ", quoted(fit.prefix));
    return text;
  }

  // The same for a state dict of which only the types are known. Where there are several dicts, the
  // one under a name that training scripts give it.
  bool is_nested_by_type() {
    constexpr std::string_view kUsual[] = {"state_dict", "model_state_dict", "model", "params",
                                           "net"};
    if (!report_.copies.empty()) return false;
    std::optional<std::string_view> found;
    for (const StateEntry& entry : input_.state) {
      if (entry.type != "dict" && entry.type != "collections.OrderedDict") continue;
      const bool usual =
          std::find(std::begin(kUsual), std::end(kUsual), entry.key) != std::end(kUsual);
      if (!found || usual) found = entry.key;
      if (usual) break;
    }
    if (!found) return false;
    name(Cause::kNested, concat("the state dict is nested: there is a dict under ", quoted(*found)),
         concat("checkpoint.state_dict(", quoted(*found), ")"));
    return true;
  }

  bool is_prefix() {
    if (!found_.prefix) return false;
    const PrefixFinding& prefix = *found_.prefix;
    const bool in_file = prefix.side == PrefixFinding::Side::kFile;
    const std::string_view verb = prefix.rename ? "contain " : "begin with ";
    const std::string_view who = prefix.text.find("module.") != std::string::npos ||
                                         prefix.text.find("_orig_mod.") != std::string::npos
                                     ? " (DataParallel and torch.compile add such names)"
                                     : "";
    name(Cause::kPrefix,
         in_file
             ? concat("the file's keys ", verb, quoted(prefix.text), ", the model's do not", who)
             : concat("the model's names ", verb, quoted(prefix.text), ", the file's keys do not",
                      who),
         prefix_remedy(prefix));
    return true;
  }

  // Goes on from the options that are set: they have been applied already.
  std::string prefix_remedy(const PrefixFinding& prefix) const {
    if (prefix.rename) return rename_remedy(*prefix.rename);
    if (prefix.side == PrefixFinding::Side::kModel) {
      return "options.add_prefix = " + quoted(prefix.text + rules_.add_prefix);
    }
    if (!rules_.renames.empty() || !rules_.add_prefix.empty()) return {};
    return "options.strip_prefix = " + quoted(rules_.strip_prefix + prefix.text);
  }

  std::string rename_remedy(const Rename& rule) const {
    if (!rules_.add_prefix.empty()) return {};
    if (!rules_.renames.empty()) {
      return concat("options.renames.push_back(", rule_text(rule), ")");
    }
    return concat("options.renames = {", rule_text(rule), "}");
  }

  // All that is missing is there under another name of the same parameter.
  bool is_tied() {
    if (report_.missing_keys.empty()) return false;
    std::unordered_map<std::uint32_t, const MatchReport::Copy*> loaded;
    for (const MatchReport::Copy& copy : report_.copies) {
      loaded.emplace(input_.module.nodes[copy.node].entries[copy.entry].object, &copy);
    }
    loaded.erase(ModuleSpec::kNone);
    const MatchReport::Copy* other = nullptr;
    for (const MatchReport::Place place : report_.missing_places) {
      const auto found = loaded.find(input_.module.nodes[place.node].entries[place.entry].object);
      if (found == loaded.end()) return false;
      if (other == nullptr) other = found->second;
    }
    if (other == nullptr) return false;
    name(Cause::kTied,
         concat(quoted(report_.missing_keys[0]), " is the same parameter as ",
                quoted(input_.state[other->state].key),
                ", which is in the file: tied parameters were saved once"),
         "options.accept_tied_names = true");
    return true;
  }

  bool is_renamed() {
    if (!found_.rename) return false;
    name(Cause::kRenamed,
         concat("a part of the model was renamed: ", quoted(found_.rename->from),
                " in the file is ", quoted(found_.rename->to), " in the model"),
         rename_remedy(*found_.rename));
    return true;
  }

  bool is_shapes() {
    if (!report_.missing_keys.empty() || !report_.unexpected_keys.empty()) return false;
    std::string cause = likely_shape_cause(report_.mismatches);
    if (cause.empty()) return false;
    name(Cause::kShapes, std::move(cause), "options.skip_mismatched_shapes = true");
    return true;
  }

  bool is_other_model() {
    if (!report_.copies.empty() || report_.fits(/*strict=*/true)) return false;
    name(Cause::kOtherModel, "the file belongs to another model");
    return true;
  }

  void name_difference() {
    if (report_.fits(/*strict=*/true)) return;
    if (report_.unexpected_keys.empty() && !report_.missing_keys.empty()) {
      name(Cause::kModelMore, "the model has layers that the saved one did not have",
           "options.strict = false");
    } else if (report_.missing_keys.empty() && !report_.unexpected_keys.empty()) {
      name(Cause::kFileMore, "the saved model has layers that this one does not have",
           "options.strict = false");
    } else if (report_.missing_keys.empty() && found_.table.empty()) {
      name(Cause::kValues, "what the file has under these names cannot be copied into a parameter");
    } else {
      name(Cause::kOtherVersion,
           "the model is of another version or configuration than the one that was saved");
    }
  }

  inline static const KeyRules no_rules_;
  const MatchReport& report_;
  const DiagnosisInput& input_;
  const KeyRules& rules_;
  Diagnosis found_;
};

}  // namespace

std::string Diagnosis::text() const {
  if (cause == Cause::kNone) return {};
  std::string out;
  const std::size_t count = std::min(near_names.size(), kMostShown);
  for (std::size_t i = 0; i < count; ++i) {
    append(out, i == 0 ? "Nearest names: " : "; ", quoted(near_names[i].missing), " is missing, ",
           quoted(near_names[i].unexpected), " is there");
  }
  append(out, count == 0 ? "" : ". ", "Likely cause: ", sentence, ".");
  if (!remedy.empty()) append(out, cause == Cause::kNested ? " Take " : " Try ", remedy, ".");
  if (!table.empty()) append(out, "\n", table);
  return out;
}

Diagnosis diagnose(const MatchReport& report, const DiagnosisInput& input) {
  return Diagnostician(report, input).run();
}

}  // namespace hardload
