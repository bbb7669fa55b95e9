#include "loader/cli/diff.h"

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>
#include <utility>

#include "loader/base/checked.h"
#include "loader/base/text.h"
#include "loader/bytes/if_unchanged.h"
#include "loader/cli/match_texts.h"
#include "loader/cli/named_parts.h"
#include "loader/cli/sha256.h"
#include "loader/cli/storage_bytes.h"
#include "loader/cli/value_texts.h"

namespace hardload {
namespace {

constexpr std::uint32_t kNone = TensorSpec::kNoStorage;

// A file, and the storage of it that is in memory.
class Side {
 public:
  Side(const DiffSide& side, const Limits& limits)
      : source_(side.source), manifest_(side.manifest), limits_(limits) {}

  const Manifest& manifest() const { return manifest_; }
  const TensorSpec& tensor(std::uint32_t number) const { return manifest_.tensors()[number]; }
  bool has(std::uint32_t storage) const { return storage == loaded_; }
  std::uint64_t bytes(std::uint32_t storage) const { return manifest_.storages()[storage].bytes; }

  Result<void> load(std::uint32_t storage) {
    if (has(storage)) return {};
    loaded_ = kNone;
    content_ = {};  // before there is another
    auto read = read_storage(source_, manifest_, storage, limits_);
    if (!read.ok()) return std::move(read).error().in_source(source_.name());
    content_ = *std::move(read);
    loaded_ = storage;
    return {};
  }

  TensorContent content(std::uint32_t number) const {
    return {manifest_, tensor(number), content_.bytes()};
  }

  // The SHA-256 of a storage's content. `charge`: pays for the first time.
  template <typename Charge>
  Result<std::string> digest(std::uint32_t storage, const Charge& charge) {
    if (digests_.empty()) digests_.resize(manifest_.storages().size());
    if (digests_[storage].empty()) {
      HARDLOAD_TRY(charge(bytes(storage)));
      HARDLOAD_TRY(load(storage));
      Sha256 hash;
      hash.update(content_.bytes());
      digests_[storage] = hash.hex();
    }
    return digests_[storage];
  }

 private:
  const ByteSource& source_;
  const Manifest& manifest_;
  const Limits& limits_;
  std::uint32_t loaded_ = kNone;
  Buffer content_;
  std::vector<std::string> digests_;
};

// Elements that are to be compared, once for all names of the two tensors.
struct Job {
  std::uint32_t storage_a, storage_b;
  std::uint32_t a, b;  // tensors
  std::uint32_t difference, pair;

  auto order() const { return std::tie(storage_a, storage_b, a, b); }
};

class Comparison {
 public:
  Comparison(const DiffSide& a, const DiffSide& b, const DiffOptions& options)
      : a_(a, options.limits),
        b_(b, options.limits),
        tolerance_(options.tolerance),
        walk_(options.limits.walked(
            checked_add(a.source.size(), b.source.size()).value_or(~std::uint64_t{0}))),
        work_(checked_add(options.limits.expanded(a.source.allocated_bytes()),
                          options.limits.expanded(b.source.allocated_bytes()))
                  .value_or(~std::uint64_t{0})) {}

  Result<Diff> run() && {
    HARDLOAD_TRY(match_names());
    for (std::uint32_t i = 0; i < result_.tensors.size(); ++i) describe(i);
    HARDLOAD_TRY(compare_elements_of_all());
    std::erase_if(result_.tensors, [](TensorDifference& difference) {
      std::erase_if(difference.pairs, [](const TensorPair& pair) { return pair.is_same(); });
      return difference.a && difference.b && !difference.path && difference.pairs.empty();
    });
    const SameStorage same_storage = [&](std::size_t a, std::size_t b) -> Result<bool> {
      const auto charge = [&](std::uint64_t bytes) { return take(bytes); };
      HARDLOAD_ASSIGN(const auto left, a_.digest(static_cast<std::uint32_t>(a), charge));
      HARDLOAD_ASSIGN(const auto right, b_.digest(static_cast<std::uint32_t>(b), charge));
      return left == right;
    };
    HARDLOAD_ASSIGN(result_.values,
                    compare_values(a_.manifest(), b_.manifest(), walk_, same_storage));
    return std::move(result_);
  }

 private:
  Result<void> take(std::uint64_t bytes) {
    if (bytes <= work_) {
      work_ -= bytes;
      return {};
    }
    return Error(ErrorKind::kLimit, Stage::kCli,
                 "the tensors take more reading to compare than max_expansion allows");
  }

  // By path first; what is left, by name: an index may have become a key, or have got a dot.
  Result<void> match_names() {
    HARDLOAD_ASSIGN(const auto paths_a, paths(a_.manifest()));
    HARDLOAD_ASSIGN(const auto paths_b, paths(b_.manifest()));
    const auto matches = match_texts(paths_a, paths_b);
    std::vector<std::uint32_t> left_a, left_b;
    std::vector<std::string> names_a, names_b;
    const auto keep = [](const Manifest& manifest, std::uint32_t i,
                         std::vector<std::uint32_t>& left, std::vector<std::string>& names) {
      left.push_back(i);
      names.emplace_back(manifest.name(manifest.named_tensors()[i]));
    };
    for (const TextMatch& match : matches) {
      if (match.a && match.b) continue;
      if (match.a) keep(a_.manifest(), *match.a, left_a, names_a);
      if (match.b) keep(b_.manifest(), *match.b, left_b, names_b);
    }
    std::vector<TensorDifference> found;
    for (const TextMatch& match : matches) {
      if (match.a && match.b)
        found.push_back({.a = match.a, .b = match.b, .path = false, .pairs = {}});
    }
    for (const TextMatch& match : match_texts(names_a, names_b)) {
      TensorDifference difference;
      if (match.a) difference.a = left_a[*match.a];
      if (match.b) difference.b = left_b[*match.b];
      difference.path = match.a && match.b;
      found.push_back(std::move(difference));
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const TensorDifference& x, const TensorDifference& y) {
                       return x.a.value_or(kNone) < y.a.value_or(kNone);
                     });
    result_.tensors = std::move(found);
    return {};
  }

  // A key may be long, and above many tensors.
  Result<std::vector<std::string>> paths(const Manifest& manifest) const {
    ValueTexts texts(manifest);
    std::uint64_t left = walk_;
    std::vector<std::string> paths;
    paths.reserve(manifest.named_tensors().size());
    for (const NamedTensor& named : manifest.named_tensors()) {
      auto path = texts.path(named, left);
      if (!path) {
        return Error(ErrorKind::kLimit, Stage::kCli,
                     "the paths of the tensors are longer than max_walk_ratio allows");
      }
      left -= path->size();
      paths.push_back(*std::move(path));
    }
    return paths;
  }

  // Compares all but the elements, and makes jobs of these.
  void describe(std::uint32_t number) {
    TensorDifference& difference = result_.tensors[number];
    if (!difference.a || !difference.b) return;
    const std::uint32_t a = a_.manifest().named_tensors()[*difference.a].tensor;
    const std::uint32_t b = b_.manifest().named_tensors()[*difference.b].tensor;
    add_pair(number, a, b, "");
    const auto parts_a = named_parts(a_.manifest(), a_.tensor(a));
    const auto parts_b = named_parts(b_.manifest(), b_.tensor(b));
    for (std::size_t i = 0; i < std::min(parts_a.size(), parts_b.size()); ++i) {
      if (parts_a[i].first != parts_b[i].first) break;  // another layout
      add_pair(number, parts_a[i].second, parts_b[i].second, parts_a[i].first);
    }
  }

  void add_pair(std::uint32_t number, std::uint32_t a, std::uint32_t b, std::string_view role) {
    const TensorSpec &left = a_.tensor(a), &right = b_.tensor(b);
    TensorPair pair{.a = a, .b = b, .role = role, .elements = std::nullopt};
    pair.dtype = left.dtype != right.dtype;
    const auto shape_a = a_.manifest().shape(left), shape_b = b_.manifest().shape(right);
    pair.shape = !std::equal(shape_a.begin(), shape_a.end(), shape_b.begin(), shape_b.end());
    pair.layout = left.layout != right.layout;
    pair.quantizer = left.is_quantized() != right.is_quantized() ||
                     (left.is_quantized() && quantizers_differ(left, right));
    pair.data = left.is_meta() != right.is_meta();
    const bool has_elements = !left.is_sparse() && !right.is_sparse() && !left.is_meta() &&
                              !right.is_meta() && left.numel != 0;
    std::vector<TensorPair>& pairs = result_.tensors[number].pairs;
    if (has_elements && !pair.shape && can_compare(left.dtype, right.dtype)) {
      jobs_.push_back(
          {left.storage, right.storage, a, b, number, static_cast<std::uint32_t>(pairs.size())});
    }
    pairs.push_back(std::move(pair));
  }

  bool quantizers_differ(const TensorSpec& left, const TensorSpec& right) const {
    const QuantizerSpec& a = a_.manifest().quantizer(left);
    const QuantizerSpec& b = b_.manifest().quantizer(right);
    if (a.is_per_channel != b.is_per_channel) return true;
    if (a.is_per_channel) return a.axis != b.axis;
    return std::bit_cast<std::uint64_t>(a.scale) != std::bit_cast<std::uint64_t>(b.scale) ||
           a.zero_point != b.zero_point;
  }

  Result<void> compare_elements_of_all() {
    // So that a storage seldom has to be read again.
    std::stable_sort(jobs_.begin(), jobs_.end(),
                     [](const Job& x, const Job& y) { return x.order() < y.order(); });
    const Job* previous = nullptr;
    for (const Job& job : jobs_) {
      if (previous != nullptr && previous->order() == job.order()) {
        pair_of(job).elements = pair_of(*previous).elements;
        continue;
      }
      HARDLOAD_ASSIGN(auto elements, compare(job));
      if (elements.differing != 0) pair_of(job).elements = std::move(elements);
      previous = &job;
    }
    return {};
  }

  TensorPair& pair_of(const Job& job) { return result_.tensors[job.difference].pairs[job.pair]; }

  Result<ElementsDifference> compare(const Job& job) {
    if (!a_.has(job.storage_a)) HARDLOAD_TRY(take(a_.bytes(job.storage_a)));
    if (!b_.has(job.storage_b)) HARDLOAD_TRY(take(b_.bytes(job.storage_b)));
    HARDLOAD_TRY(take(a_.manifest().nbytes(a_.tensor(job.a))));
    HARDLOAD_TRY(take(b_.manifest().nbytes(b_.tensor(job.b))));
    HARDLOAD_TRY(a_.load(job.storage_a));
    HARDLOAD_TRY(b_.load(job.storage_b));
    return compare_elements(a_.content(job.a), b_.content(job.b), tolerance_);
  }

  Side a_, b_;
  const std::optional<Tolerance> tolerance_;
  const std::uint64_t walk_;  // steps
  std::uint64_t work_;        // bytes that may still be read
  std::vector<Job> jobs_;
  Diff result_;
};

}  // namespace

Result<Diff> diff(const DiffSide& a, const DiffSide& b, const DiffOptions& options) {
  return if_unchanged(a.source, if_unchanged(b.source, Comparison(a, b, options).run()));
}

}  // namespace hardload
