#include "loader/manifest/distributed_tree.h"

#include <string>
#include <string_view>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"

namespace hardload {

class DistributedTree::Builder {
 public:
  Builder(const DistributedMetadata& metadata, const Limits& limits, std::vector<Node>& nodes)
      : metadata_(metadata),
        nodes_(nodes),
        most_places_(limits.expanded(metadata.text().size()) / kPlaceBytes) {}

  Result<void> build() {
    nodes_.push_back({0, {}, Kind::kDict, 0, {}});
    const auto entries = metadata_.entries();
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      const auto path = metadata_.path(entries[i]);
      const std::span<const Slot> steps = path.empty() ? std::span(&entries[i].name, 1) : path;
      std::uint32_t node = 0;
      for (std::size_t step = 0; step < steps.size(); ++step) {
        const bool is_last = step + 1 == steps.size();
        const bool holds_list = !is_last && steps[step + 1].kind == ValueKind::kInt;
        const Kind kind = is_last ? Kind::kEntry : holds_list ? Kind::kList : Kind::kDict;
        HARDLOAD_ASSIGN(const std::uint32_t next, find_or_add(node, steps[step], i));
        if (next != nodes_.size()) {
          if (is_last || nodes_[next].kind != kind) return wrong(ErrorKind::kKey, i, kInTheWay);
        } else {
          nodes_.push_back({node, steps[step], kind, i, {}});
        }
        node = next;
      }
    }
    return {};
  }

 private:
  static constexpr std::uint64_t kPlaceBytes = sizeof(std::uint32_t) + sizeof(Slot);
  static constexpr std::string_view kInTheWay =
      "another entry is at its place in the state dict, or inside of it";

  // The child of `parent` under `key`; the next node from now on where it is new. The kind of the
  // parent goes with that of the key.
  Result<std::uint32_t> find_or_add(std::uint32_t parent, Slot key, std::uint32_t entry) {
    const auto next = static_cast<std::uint32_t>(nodes_.size());
    if (nodes_[parent].kind == Kind::kDict) {
      const std::string_view text = metadata_.text_of(key);
      const auto is_same = [&](std::uint32_t i) {
        return nodes_[i].parent == parent && metadata_.text_of(nodes_[i].key) == text;
      };
      constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;  // one hash for each parent
      const std::uint64_t hash = seeded_hash(text) ^ (parent * kSpread);
      if (const auto known = by_key_.insert(hash, next, is_same)) return *known;
      nodes_[parent].children.push_back(next);
      return next;
    }
    auto& children = nodes_[parent].children;
    if (key.payload >= children.size()) {
      const std::uint64_t more = key.payload + 1 - children.size();
      if (more > most_places_) {
        return wrong(ErrorKind::kLimit, entry,
                     "its index in a list is larger than max_expansion allows");
      }
      most_places_ -= more;
      children.resize(key.payload + 1, kNothing);
    }
    if (children[key.payload] == kNothing) children[key.payload] = next;
    return children[key.payload];
  }

  Error wrong(ErrorKind kind, std::uint32_t entry, std::string_view problem) const {
    const std::string_view name = metadata_.name(metadata_.entries()[entry]);
    return Error(kind, Stage::kManifest, concat("at '", name.substr(0, 500), "': ", problem));
  }

  const DistributedMetadata& metadata_;
  std::vector<Node>& nodes_;
  std::uint64_t most_places_;  // in lists
  NameIndex by_key_;
};

Result<DistributedTree> DistributedTree::build(const DistributedMetadata& metadata,
                                               const Limits& limits) {
  DistributedTree tree;
  HARDLOAD_TRY(Builder(metadata, limits, tree.nodes_).build());
  return tree;
}

}  // namespace hardload
