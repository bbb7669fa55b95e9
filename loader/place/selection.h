// select: which tensors of a checkpoint are loaded at all.
//
//   HARDLOAD_ASSIGN(const Selection selection, select(manifest, {"encoder.*", "head.weight"}));
#pragma once

#include <span>
#include <string>
#include <vector>

#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct Selection {
  std::vector<bool> tensors;   // of manifest.tensors(), with the parts that they are made of
  std::vector<bool> storages;  // of manifest.storages(), those that they view
};

// The tensors whose names match one of `globs` (glob.h); everything where there are none, storages
// that no tensor views included. Errors: kKey for a glob that matches nothing.
Result<Selection> select(const Manifest& manifest, std::span<const std::string> globs);

// The tensors of these numbers.
Selection select(const Manifest& manifest, std::span<const std::uint32_t> tensors);

}  // namespace hardload
