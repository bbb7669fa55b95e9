// find_nested: the dicts of a checkpoint that hold a module's names.
//
// Training scripts save {'model': ..., 'ema': ..., 'optimizer': ..., 'epoch': 3}. This looks at all
// dicts of the file, at any depth, and says how well each fits.
//
//   for (const NestedFit& fit : find_nested(manifest, module, work))
//     use(fit.path, fit.matched, fit.names);
//
// Threads: a function of its arguments alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "loader/manifest/manifest.h"
#include "loader/match/module_spec.h"
#include "loader/match/name_set.h"

namespace hardload {

struct NestedFit {
  std::vector<std::string> path;  // keys, and indices of lists; empty for the whole file
  std::string prefix;             // with which the keys begin and the module's names do not
  std::size_t matched;            // names of the module that are there as tensors
  std::size_t same_shape;         // of these: how many have the module's shape
  std::size_t names;              // of the module
  std::size_t identity;           // Value::identity() of the dict
  double score() const {
    return names == 0 ? 0 : static_cast<double>(matched) / static_cast<double>(names);
  }
};

constexpr std::size_t kMostNestedFits = 8;

// Those that hold at least one of the names, the best first, kMostNestedFits at most. Each
// container is looked at once, however often it is shared, and no more than `work` allows.
std::vector<NestedFit> find_nested(const Manifest& manifest, const ModuleSpec& module, Work& work);

}  // namespace hardload
