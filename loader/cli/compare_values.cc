#include "loader/cli/compare_values.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "loader/cli/match_texts.h"
#include "loader/cli/value_json.h"
#include "loader/cli/value_texts.h"

namespace hardload {
namespace {

constexpr std::uint64_t kIndexBytes = 8;

ValueKind kind_of(Value value) {
  return value.kind() == ValueKind::kOrderedDict ? ValueKind::kDict : value.kind();
}

class Comparison {
 public:
  Comparison(const Manifest& a, const Manifest& b, std::uint64_t work,
             const SameStorage& same_storage)
      : a_(a), b_(b), texts_a_(a), texts_b_(b), work_(work), same_storage_(same_storage) {}

  Result<ValuesDifference> run() && {
    add({}, 0, a_.root(), b_.root());
    while (!pairs_.empty()) {
      const Pair pair = pairs_.back();
      pairs_.pop_back();
      HARDLOAD_TRY(compare(pair));
    }
    return std::move(result_);
  }

 private:
  // Values that stand against each other, one of which may be missing.
  struct Pair {
    ValueStep step;
    std::uint64_t path_bytes;  // of the texts of its keys
    std::optional<Value> a, b;
    bool is_unnamed = false;  // in attributes, or in an object that was not made: see TreeWalk
  };

  Result<void> take(std::uint64_t steps) {
    if (steps <= work_) {
      work_ -= steps;
      return {};
    }
    return Error(ErrorKind::kLimit, Stage::kCli,
                 "the values of the two files take more steps to compare than max_walk_ratio "
                 "allows");
  }

  // To be compared after the pairs that are there. Of tensors that have names the attributes alone:
  // they themselves are compared by their names.
  void add(const ValueStep& step, std::uint64_t key_bytes, std::optional<Value> a,
           std::optional<Value> b) {
    if (!is_unnamed_) {
      const auto attributes_a = take_tensor(a), attributes_b = take_tensor(b);
      if (attributes_a || attributes_b) {
        const auto tensor = static_cast<std::uint32_t>(result_.steps.size());
        result_.steps.push_back(step);
        constexpr std::string_view kAttributes = "attributes";
        pairs_.push_back({{tensor, false, kAttributes},
                          path_bytes_ + key_bytes + kAttributes.size(),
                          attributes_a,
                          attributes_b,
                          /*is_unnamed=*/true});
      }
    }
    if (a || b) pairs_.push_back({step, path_bytes_ + key_bytes, a, b, is_unnamed_});
  }

  // Leaves nothing of a tensor; its attributes, if it has some.
  static std::optional<Value> take_tensor(std::optional<Value>& value) {
    if (!value || value->kind() != ValueKind::kTensor) return std::nullopt;
    const auto attributes = std::exchange(value, std::nullopt)->attributes();
    return attributes && attributes->size() > 0 ? attributes : std::nullopt;
  }

  Result<void> compare(const Pair& pair) {
    HARDLOAD_TRY(take(1));
    if (!pair.a || !pair.b || kind_of(*pair.a) != kind_of(*pair.b)) return report(pair);
    const Value a = *pair.a, b = *pair.b;
    if (!is_container(a)) {
      ++result_.compared;
      HARDLOAD_ASSIGN(const bool same, is_same_scalar(a, b));
      return same ? Result<void>() : report(pair);
    }
    if (has_identity(a) && !seen_.insert({a.identity(), b.identity()}).second) return {};
    const auto step = static_cast<std::uint32_t>(result_.steps.size());
    result_.steps.push_back(pair.step);
    path_bytes_ = pair.path_bytes;
    is_unnamed_ = pair.is_unnamed || a.kind() == ValueKind::kInert;
    const std::size_t first = pairs_.size();
    if (a.kind() == ValueKind::kInert) {
      add_parts(a, b, step);
    } else if (a.is_sequence()) {
      add_items(a, b, step);
    } else {
      HARDLOAD_TRY(add_entries(a, b, step));
    }
    // The last is compared first.
    std::reverse(pairs_.begin() + static_cast<std::ptrdiff_t>(first), pairs_.end());
    return {};
  }

  // Keeps the difference. The path to it will be written, and so will scalars.
  Result<void> report(const Pair& pair) {
    HARDLOAD_TRY(take(pair.path_bytes));
    if (pair.a) HARDLOAD_TRY(take(length_of(*pair.a)));
    if (pair.b) HARDLOAD_TRY(take(length_of(*pair.b)));
    const auto step = static_cast<std::uint32_t>(result_.steps.size());
    result_.steps.push_back(pair.step);
    result_.found.push_back({step, pair.a, pair.b});
    return {};
  }

  static std::uint64_t length_of(Value value) { return value.text().size() + value.bytes().size(); }

  Result<bool> is_same_scalar(Value a, Value b) {
    if (a.kind() == ValueKind::kStorage) {
      const StorageSpec& left = a_.storages()[a.number()];
      const StorageSpec& right = b_.storages()[b.number()];
      if (left.dtype != right.dtype || left.bytes != right.bytes) return false;
      return same_storage_(a.number(), b.number());
    }
    if (a.kind() == ValueKind::kTensor) {
      return is_same_tensor(static_cast<std::uint32_t>(a.number()),
                            static_cast<std::uint32_t>(b.number()));
    }
    HARDLOAD_TRY(take(length_of(a)));
    HARDLOAD_TRY(take(length_of(b)));
    return texts_a_.value(a) == texts_b_.value(b);
  }

  // Without a name: the same view of storages of the same bytes, or made of such parts.
  Result<bool> is_same_tensor(std::uint32_t a, std::uint32_t b) {
    HARDLOAD_TRY(take(1));
    const TensorSpec &left = a_.tensors()[a], &right = b_.tensors()[b];
    const auto equal = [](std::span<const std::int64_t> x, std::span<const std::int64_t> y) {
      return std::equal(x.begin(), x.end(), y.begin(), y.end());
    };
    if (left.dtype != right.dtype || left.layout != right.layout || left.offset != right.offset ||
        left.is_conj != right.is_conj || left.is_neg != right.is_neg ||
        left.is_meta() != right.is_meta() || !equal(a_.shape(left), b_.shape(right)) ||
        !equal(a_.strides(left), b_.strides(right))) {
      return false;
    }
    const auto parts_a = a_.parts(left), parts_b = b_.parts(right);
    if (parts_a.size() != parts_b.size()) return false;
    for (std::size_t i = 0; i < parts_a.size(); ++i) {
      HARDLOAD_ASSIGN(const bool same, is_same_tensor(parts_a[i], parts_b[i]));
      if (!same) return false;
    }
    if (left.storage == TensorSpec::kNoStorage) return true;
    if (a_.storages()[left.storage].bytes != b_.storages()[right.storage].bytes) return false;
    return same_storage_(left.storage, right.storage);
  }

  void add_parts(Value a, Value b, std::uint32_t step) {
    for (std::size_t i = 0; i < kInertParts; ++i) {
      const auto part = static_cast<InertPart>(i);
      add({step, false, kInertKeys[i]}, kInertKeys[i].size(), a.part(part), b.part(part));
    }
  }

  void add_items(Value a, Value b, std::uint32_t step) {
    const auto item = [](Value list, std::size_t i) {
      return i < list.size() ? std::optional(list.item(i)) : std::nullopt;
    };
    for (std::uint64_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      add({step, false, i}, kIndexBytes, item(a, i), item(b, i));
    }
  }

  // The entries of a dict, by their keys; the elements of a set, which are their own.
  Result<void> add_entries(Value a, Value b, std::uint32_t step) {
    HARDLOAD_ASSIGN(const auto keys_a, keys_of(texts_a_, a));
    HARDLOAD_ASSIGN(const auto keys_b, keys_of(texts_b_, b));
    const bool is_set = a.kind() == ValueKind::kSet;
    for (const TextMatch& match : match_texts(keys_a, keys_b)) {
      if (is_set && match.a && match.b) {
        ++result_.compared;
        continue;
      }
      std::optional<Value> left, right;
      if (match.a) left = a.item(*match.a);
      if (match.b) right = b.item(*match.b);
      const Value container = match.a ? a : b;
      const std::size_t i = match.a ? *match.a : *match.b;
      const std::string& key = match.a ? keys_a[i] : keys_b[i];
      add({step, !match.a, is_set ? container.item(i) : container.key(i)}, key.size(), left, right);
    }
    return {};
  }

  Result<std::vector<std::string>> keys_of(ValueTexts& texts, Value container) {
    std::vector<std::string> keys;
    keys.reserve(container.size());
    for (std::size_t i = 0; i < container.size(); ++i) {
      if (container.kind() == ValueKind::kSet) {
        keys.push_back(texts.value(container.item(i)));
      } else if (const auto name = container.key(i).as_string()) {
        keys.push_back('"' + std::string(*name));  // as JSON begins, and cheaper
      } else {
        keys.push_back(texts.key(container.key(i)));
      }
      HARDLOAD_TRY(take(keys.back().size()));
    }
    return keys;
  }

  const Manifest &a_, &b_;
  ValueTexts texts_a_, texts_b_;
  std::uint64_t work_;
  const SameStorage& same_storage_;
  ValuesDifference result_;
  std::vector<Pair> pairs_;       // to be compared, from the last to the first
  std::uint64_t path_bytes_ = 0;  // of the container whose pairs are added
  bool is_unnamed_ = false;       // whether it is
  std::set<std::pair<std::size_t, std::size_t>> seen_;  // identities of containers
};

}  // namespace

std::vector<ValueStep> ValuesDifference::path(const ValueDifference& difference) const {
  std::vector<ValueStep> path;
  for (std::uint32_t step = difference.step;
       !std::holds_alternative<std::monostate>(steps[step].place); step = steps[step].parent) {
    path.push_back(steps[step]);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Result<ValuesDifference> compare_values(const Manifest& a, const Manifest& b, std::uint64_t work,
                                        const SameStorage& same_storage) {
  return Comparison(a, b, work, same_storage).run();
}

}  // namespace hardload
