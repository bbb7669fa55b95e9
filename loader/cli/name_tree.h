// name_tree: the tensors of a file as a tree of the parts of their names.
//
//   for (const NameRow& row : name_rows(manifest, name_tree(manifest), /*fold=*/true)) show(row);
//
// Names are taken apart at their dots. The order is that of the file: a branch that it comes back
// to later stands there again. Ownership: nodes borrow the manifest's names. Threads: functions of
// their arguments alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/manifest/manifest.h"

namespace hardload {

// A node stands before its children; they are `i` + 1, the `end` of that, and so on.
struct NameNode {
  static constexpr std::uint32_t kBranch = ~std::uint32_t{0};

  std::string_view label;
  std::uint32_t named;        // among Manifest::named_tensors(); or kBranch
  std::uint32_t end;          // behind the last node below it
  std::uint64_t tensors = 0;  // here and below
  std::uint64_t bytes = 0;    // of these, as if none were shared
};

std::vector<NameNode> name_tree(const Manifest& manifest);

// A line to show.
struct NameRow {
  std::uint32_t first, last;  // nodes, each the only child of the one before
  std::uint32_t depth;
  std::uint32_t count;  // 1; else so many siblings of one structure with the numbers from `last` on

  std::string label(const std::vector<NameNode>& nodes) const;
};

// A branch that has one branch and nothing else is joined with it: "encoder.layers". With `fold`,
// siblings with successive numbers in which all names, dtypes, shapes, layouts and devices are the
// same are one row, "0-31", and what is in them is shown once.
std::vector<NameRow> name_rows(const Manifest& manifest, const std::vector<NameNode>& nodes,
                               bool fold);

}  // namespace hardload
