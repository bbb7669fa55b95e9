#include "loader/cli/name_tree.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "loader/base/text.h"

namespace hardload {
namespace {

// A name of dots alone would make more nodes than it has bytes of pickle.
constexpr std::size_t kDeepest = 12;

std::optional<std::uint32_t> number_of(std::string_view label) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
  if (error != std::errc() || end != label.data() + label.size()) return std::nullopt;
  if (label.size() > 1 && label[0] == '0') return std::nullopt;
  return number;
}

class Rows {
 public:
  Rows(const Manifest& manifest, const std::vector<NameNode>& nodes, bool fold)
      : manifest_(manifest), nodes_(nodes), fold_(fold) {}

  std::vector<NameRow> run() && {
    add_siblings(0, static_cast<std::uint32_t>(nodes_.size()), 0);
    return std::move(rows_);
  }

 private:
  // Recurses no deeper than kDeepest.
  void add_siblings(std::uint32_t begin, std::uint32_t end, std::uint32_t depth) {
    for (std::uint32_t i = begin; i < end;) {
      NameRow row{.first = i, .last = i, .depth = depth, .count = 1};
      std::uint32_t next = end_of_run(i, end, row.count);
      while (row.count == 1 && is_branch(row.last)) {
        std::uint32_t count = 1;
        const std::uint32_t only = row.last + 1;
        if (end_of_run(only, nodes_[row.last].end, count) != nodes_[row.last].end) break;
        if (count == 1 && !is_branch(only)) break;
        row.last = only;
        row.count = count;
      }
      rows_.push_back(row);
      if (is_branch(row.last)) add_siblings(row.last + 1, nodes_[row.last].end, depth + 1);
      i = next;
    }
  }

  bool is_branch(std::uint32_t node) const { return nodes_[node].named == NameNode::kBranch; }

  // Where the siblings end that can be shown as one row with node `i`; `count` of them.
  std::uint32_t end_of_run(std::uint32_t i, std::uint32_t end, std::uint32_t& count) const {
    const auto number = fold_ ? number_of(nodes_[i].label) : std::nullopt;
    std::uint32_t next = nodes_[i].end;
    for (count = 1; number && next < end; ++count) {
      if (number_of(nodes_[next].label) != std::uint64_t{*number} + count) break;
      if (!have_one_structure(i, next)) break;
      next = nodes_[next].end;
    }
    return next;
  }

  bool have_one_structure(std::uint32_t a, std::uint32_t b) const {
    const std::uint32_t size = nodes_[a].end - a;
    if (nodes_[b].end - b != size) return false;
    for (std::uint32_t i = 0; i < size; ++i) {
      const NameNode &x = nodes_[a + i], &y = nodes_[b + i];
      if (x.end - a != y.end - b || (i != 0 && x.label != y.label)) return false;
      if (is_branch(a + i) != is_branch(b + i)) return false;
      if (!is_branch(a + i) && !look_alike(x, y)) return false;
    }
    return true;
  }

  bool look_alike(const NameNode& x, const NameNode& y) const {
    const TensorSpec& a = manifest_.tensors()[manifest_.named_tensors()[x.named].tensor];
    const TensorSpec& b = manifest_.tensors()[manifest_.named_tensors()[y.named].tensor];
    const auto left = manifest_.shape(a), right = manifest_.shape(b);
    return a.dtype == b.dtype && a.layout == b.layout && x.bytes == y.bytes &&
           std::equal(left.begin(), left.end(), right.begin(), right.end()) &&
           manifest_.location(a) == manifest_.location(b);
  }

  const Manifest& manifest_;
  const std::vector<NameNode>& nodes_;
  const bool fold_;
  std::vector<NameRow> rows_;
};

}  // namespace

std::vector<NameNode> name_tree(const Manifest& manifest) {
  struct Open {
    std::uint32_t node;
    std::string_view prefix;  // up to the dot behind its label
  };
  std::vector<NameNode> nodes;
  nodes.reserve(manifest.named_tensors().size());
  std::vector<Open> open;
  const auto close = [&] {
    nodes[open.back().node].end = static_cast<std::uint32_t>(nodes.size());
    open.pop_back();
  };
  for (std::uint32_t i = 0; i < manifest.named_tensors().size(); ++i) {
    const NamedTensor& named = manifest.named_tensors()[i];
    const std::string_view name = manifest.name(named);
    while (!open.empty() && !name.starts_with(open.back().prefix)) close();
    std::size_t at = open.empty() ? 0 : open.back().prefix.size();
    for (std::size_t dot = name.find('.', at); dot != name.npos && open.size() < kDeepest;
         dot = name.find('.', at)) {
      open.push_back({static_cast<std::uint32_t>(nodes.size()), name.substr(0, dot + 1)});
      nodes.push_back({.label = name.substr(at, dot - at), .named = NameNode::kBranch, .end = 0});
      at = dot + 1;
    }
    const auto number = static_cast<std::uint32_t>(nodes.size());
    const std::uint64_t bytes = manifest.nbytes(manifest.tensors()[named.tensor]);
    nodes.push_back({.label = name.substr(at), .named = i, .end = number + 1});
    for (const Open& branch : open) {
      ++nodes[branch.node].tensors;
      nodes[branch.node].bytes += bytes;
    }
    nodes[number].tensors = 1;
    nodes[number].bytes = bytes;
  }
  while (!open.empty()) close();
  return nodes;
}

std::vector<NameRow> name_rows(const Manifest& manifest, const std::vector<NameNode>& nodes,
                               bool fold) {
  return Rows(manifest, nodes, fold).run();
}

std::string NameRow::label(const std::vector<NameNode>& nodes) const {
  std::string text;
  for (std::uint32_t i = first; i <= last; ++i) append(text, i == first ? "" : ".", nodes[i].label);
  if (count > 1) append(text, "-", *number_of(nodes[last].label) + (count - 1));
  return text;
}

}  // namespace hardload
