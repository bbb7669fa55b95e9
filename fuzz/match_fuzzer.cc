// Property: whatever the names and shapes on both sides, every entry of the module is copied,
// missing, mismatched or excused, every key goes to one place at most, and what is told about it is
// bounded and safe to print.
//
// The input is text, a line an item: the module as a walk over its tree (`p NAME SIZES` an entry,
// `c NAME` into a child, `u` up again, `n NAME` a null child, `b` this node counts batches, `a` the
// last entry is the same object as the first), the state dict (`s KEY SIZES` a tensor, `t KEY TYPE`
// anything else, `v PATH NUMBER` a version) and rules (`- PREFIX`, `+ PREFIX`, `r FROM TO`, `o
// GLOB`, `i GLOB`).

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/check.h"
#include "loader/base/escape.h"
#include "loader/match/diagnose.h"
#include "loader/match/error_text.h"
#include "loader/match/match.h"
#include "loader/match/relax.h"
#include "loader/match/rename.h"

namespace {

using namespace hardload;

fuzz::Milestones<4> milestones({"with both sides", "something fits", "something is missing",
                                "mismatched"});

struct Case {
  ModuleSpec module;
  struct Entry {
    std::string key, type;
    std::vector<std::int64_t> shape;
  };
  std::vector<Entry> state;
  std::vector<std::pair<std::string, std::int64_t>> versions;
  KeyRules rules;
  Relaxations relaxations;
};

std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::vector<std::int64_t> take_numbers(std::string_view line) {
  std::vector<std::int64_t> numbers;
  while (!line.empty()) {
    const std::string_view word = take_word(line);
    std::int64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

Case read_case(std::string_view text) {
  Case out;
  out.module.class_name = "Net";
  out.module.nodes.emplace_back();
  std::vector<std::uint32_t> open = {0};
  std::set<std::pair<std::uint32_t, std::string>> taken;  // names of one module differ
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view kind = take_word(line);
    const std::uint32_t here = open.back();
    if (kind == "u" && open.size() > 1) open.pop_back();
    if (kind == "b") out.module.nodes[here].counts_batches = true;
    if (kind == "v") {
      const std::string path(take_word(line));
      const auto numbers = take_numbers(line);
      out.versions.emplace_back(path, numbers.empty() ? 0 : numbers[0]);
    }
    if (kind == "s" || kind == "t") {
      const std::string key(take_word(line));
      if (kind == "s") out.state.push_back({key, "", take_numbers(line)});
      if (kind == "t") out.state.push_back({key, line.empty() ? "int" : std::string(line), {}});
    }
    if (kind == "-") out.rules.strip_prefix = line;
    if (kind == "+") out.rules.add_prefix = line;
    if (kind == "r") {
      const std::string from(take_word(line));
      out.rules.renames.push_back({from, std::string(line)});
    }
    if (kind == "o") out.relaxations.optional_keys.emplace_back(line);
    if (kind == "i") out.relaxations.ignore_unexpected.emplace_back(line);
    if (kind == "x") out.relaxations.skip_mismatched_shapes = true;
    if (kind == "y") out.relaxations.accept_tied_names = true;
    if (kind != "p" && kind != "c" && kind != "n") continue;
    const std::string name(take_word(line));
    if (name.find('.') != name.npos || !taken.insert({here, name}).second) continue;
    if (kind == "p") {
      out.module.nodes[here].entries.push_back({name, take_numbers(line)});
    } else if (kind == "n") {
      out.module.nodes[here].children.push_back({name, ModuleSpec::kNone});
    } else if (open.size() < 50) {
      const auto below = static_cast<std::uint32_t>(out.module.nodes.size());
      out.module.nodes[here].children.push_back({name, below});
      out.module.nodes.push_back({out.module.nodes[here].prefix + name + ".", {}, {}, false});
      open.push_back(below);
    }
  }
  return out;
}

bool same_elements(const std::vector<std::int64_t>& model, std::span<const std::int64_t> saved) {
  return std::equal(model.begin(), model.end(), saved.begin(), saved.end()) ||
         (model.empty() && saved.size() == 1 && saved[0] == 1);
}

// Each entry of the module in one list, each key in one place.
void check_report(const Case& c, std::span<const StateEntry> state, const MatchReport& report) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> places;
  std::set<std::uint32_t> used;
  const auto add = [&](std::uint32_t node, std::uint32_t entry) {
    fuzz::check(entry < c.module.nodes.at(node).entries.size(), "an entry is there");
    fuzz::check(places.insert({node, entry}).second, "an entry is in one list");
  };
  for (const auto& copy : report.copies) {
    add(copy.node, copy.entry);
    fuzz::check(used.insert(copy.state).second, "a key is copied once");
    fuzz::check(state[copy.state].is_tensor(), "tensors are copied");
    const auto& entry = c.module.nodes[copy.node].entries[copy.entry];
    fuzz::check(same_elements(entry.shape, state[copy.state].shape), "shapes fit");
    fuzz::check(c.module.nodes[copy.node].prefix + entry.name == state[copy.state].key,
                "names are equal");
  }
  fuzz::check(report.missing_keys.size() == report.missing_places.size(),
              "missing keys are places");
  for (const auto& place : report.missing_places) add(place.node, place.entry);
  for (const auto& mismatch : report.mismatches) add(mismatch.place.node, mismatch.place.entry);
  std::size_t entries = 0, excused = 0;
  for (const auto& node : c.module.nodes) {
    entries += node.entries.size();
    for (const auto& entry : node.entries) {
      if (node.counts_batches && entry.name == "num_batches_tracked") ++excused;
    }
  }
  fuzz::check(places.size() <= entries && places.size() + excused >= entries,
              "no entry is forgotten");
  fuzz::check(report.copies.size() + report.mismatches.size() + report.unexpected_keys.size() <=
                  state.size() + report.collisions.size(),
              "no key is in two lists");
  fuzz::check(report.steps <=
                  100 * (entries + c.module.nodes.size() + state.size() + c.versions.size() + 100) *
                      60,  // modules on a key's way
              "matching is linear");
}

std::string unchanged(std::string_view text) { return std::string(text); }

void check_texts(const Case& c, std::span<const StateEntry> state, const MatchReport& report) {
  for (const bool strict : {false, true}) {
    if (report.fits(strict)) continue;
    const std::string raw = error_text(report, "Net", strict, unchanged);
    fuzz::check(raw.starts_with("Error(s) in loading state_dict for Net:\n\t"), "PyTorch's text");
    const std::string safe = error_text(report, "Net", strict, escape_for_display);
    for (const char byte : safe) {
      const bool is_safe = static_cast<unsigned char>(byte) >= 0x20 || byte == '\n' || byte == '\t';
      fuzz::check(is_safe && byte != '\x7f', "shown text has no control characters");
    }
  }
  DiagnosisInput input = {c.module, state};
  input.rules = &c.rules;
  const Diagnosis diagnosis = diagnose(report, input);
  fuzz::check(diagnosis.text().size() < 100'000, "a diagnosis is short");
  fuzz::check(report.fits(true) || !diagnosis.text().empty(), "what does not fit is explained");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Case c = read_case({reinterpret_cast<const char*>(data), size});
  if (!check_rules(c.rules).ok()) return 0;
  std::vector<std::string> keys;
  for (const auto& entry : c.state) keys.push_back(rewritten_key(c.rules, entry.key));
  std::vector<StateEntry> state;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    state.push_back({keys[i], c.state[i].type, c.state[i].shape});
  }
  std::vector<ModuleVersion> versions;
  for (const auto& [path, version] : c.versions) versions.push_back({path, version});
  MatchReport report = match(c.module, state, versions);
  check_report(c, state, report);
  check_texts(c, state, report);
  if (!state.empty() && c.module.nodes[0].entries.size() + c.module.nodes.size() > 1) {
    milestones.reach(0);
  }
  if (!report.copies.empty()) milestones.reach(1);
  if (!report.missing_keys.empty()) milestones.reach(2);
  if (!report.mismatches.empty()) milestones.reach(3);

  const MatchReport strict = report;
  relax(report, c.module, c.relaxations);
  fuzz::check(report.missing_keys.size() <= strict.missing_keys.size() &&
                  report.unexpected_keys.size() <= strict.unexpected_keys.size() &&
                  report.mismatches.size() <= strict.mismatches.size() &&
                  report.copies.size() == strict.copies.size(),
              "options only excuse");
  check_texts(c, state, report);
  return 0;
}
