#include "loader/match/nested.h"

#include <algorithm>
#include <deque>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "loader/base/text.h"
#include "loader/match/prefix.h"

namespace hardload {
namespace {

constexpr std::size_t kMostContainers = 1 << 16;  // that are looked at
constexpr std::size_t kDeepest = 16;

// The module's names, and the shape of each.
struct Names {
  explicit Names(const ModuleSpec& module, Work& work) {
    for (const ModuleSpec::Node& node : module.nodes) {
      for (const ModuleSpec::Entry& entry : node.entries) {
        if (!work.take(node.prefix.size() + entry.name.size())) return;
        text.push_back(node.prefix + entry.name);
        shapes.push_back(&entry.shape);
      }
    }
    for (const std::string& name : text) set.add(name);
  }

  std::deque<std::string> text;  // does not move what set borrows
  std::vector<const std::vector<std::int64_t>*> shapes;
  NameSet set;
};

// A container that is yet to be looked at.
struct Branch {
  Value value;
  std::vector<std::string> path;
};

class Search {
 public:
  Search(const Manifest& manifest, const ModuleSpec& module, Work& work)
      : manifest_(manifest), work_(work), names_(module, work) {}

  std::vector<NestedFit> run() && {
    if (is_new(manifest_.root())) branches_.push_back({manifest_.root(), {}});
    for (std::size_t looked_at = 0; !branches_.empty() && looked_at < kMostContainers;
         ++looked_at) {
      if (work_.is_spent()) break;
      const Branch branch = std::move(branches_.front());
      branches_.pop_front();
      look_at(branch);
    }
    std::stable_sort(fits_.begin(), fits_.end(), [](const NestedFit& a, const NestedFit& b) {
      return std::tie(a.matched, a.same_shape) > std::tie(b.matched, b.same_shape);
    });
    if (fits_.size() > kMostNestedFits) fits_.resize(kMostNestedFits);
    return std::move(fits_);
  }

 private:
  void look_at(const Branch& branch) {
    const Value& value = branch.value;
    if (value.is_mapping()) rate(branch);
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!work_.take(0)) return;
      const Value item = value.item(i);
      if (!(item.is_mapping() || item.is_sequence()) || branch.path.size() == kDeepest) continue;
      if (!is_new(item)) continue;
      std::vector<std::string> path = branch.path;
      if (value.is_mapping()) {
        const auto key = value.key(i).as_string();
        if (!key || !work_.take(key->size())) continue;
        path.emplace_back(*key);
      } else {
        path.push_back(concat(i));
      }
      branches_.push_back({item, std::move(path)});
    }
  }

  bool is_new(const Value& item) {
    const bool has_identity = item.is_mapping() || item.kind() == ValueKind::kList;
    return !has_identity || seen_.insert(item.identity()).second;
  }

  void rate(const Branch& branch) {
    const Value& dict = branch.value;
    std::vector<std::string_view> keys;
    std::vector<std::size_t> tensors;
    for (std::size_t i = 0; i < dict.size() && !work_.is_spent(); ++i) {
      if (dict.item(i).kind() != ValueKind::kTensor) continue;
      const auto key = dict.key(i).as_string();
      if (!key || !work_.take(key->size())) continue;
      keys.push_back(*key);
      tensors.push_back(dict.item(i).number());
    }
    std::size_t hits = 0;
    const std::string_view prefix = leading_prefix(keys, names_.set, work_, hits);
    NestedFit plain = fit(branch, keys, tensors, {});
    NestedFit stripped = prefix.empty() ? plain : fit(branch, keys, tensors, prefix);
    NestedFit& better = stripped.matched > plain.matched ? stripped : plain;
    if (better.matched > 0) fits_.push_back(std::move(better));
  }

  NestedFit fit(const Branch& branch, const std::vector<std::string_view>& keys,
                const std::vector<std::size_t>& tensors, std::string_view prefix) {
    NestedFit result{branch.path, std::string(prefix), 0,
                     0,           names_.text.size(),  branch.value.identity()};
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!keys[i].starts_with(prefix) || !work_.take(keys[i].size())) continue;
      const auto name = names_.set.find(keys[i].substr(prefix.size()));
      if (!name) continue;
      ++result.matched;
      const auto shape = manifest_.shape(manifest_.tensors()[tensors[i]]);
      const std::vector<std::int64_t>& wanted = *names_.shapes[*name];
      result.same_shape += std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end());
    }
    return result;
  }

  const Manifest& manifest_;
  Work& work_;
  Names names_;
  std::deque<Branch> branches_;  // breadth first: short paths are found first
  std::unordered_set<std::size_t> seen_;
  std::vector<NestedFit> fits_;
};

}  // namespace

std::vector<NestedFit> find_nested(const Manifest& manifest, const ModuleSpec& module, Work& work) {
  return Search(manifest, module, work).run();
}

}  // namespace hardload
