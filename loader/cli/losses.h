// find_losses: what a checkpoint holds that another format cannot.
//
//   for (const Loss& loss : find_losses(manifest, Format::kSafetensors)) print(loss_text(loss));
//
// Not counted as losses, because loading chooses or makes them anew: the device that tensors were
// on, the order of a dict's entries, and the versions of modules that state_dict() keeps beside a
// state dict (`_metadata`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/container/container.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct Loss {
  static constexpr std::size_t kMostExamples = 20;

  std::string_view what;         // "plain values, which are dropped"
  std::string_view how_to = {};  // where the format cannot do without it: what to do instead
  std::uint64_t count = 0;
  std::vector<std::string> examples = {};  // the first ones, as the file has them

  // No flag makes the format hold it.
  bool is_final() const { return !how_to.empty(); }
};

// What of `manifest` a file of the format `to` would not hold, each kind once. Linear in the tree.
std::vector<Loss> find_losses(const Manifest& manifest, Format to);

// "plain values, which are dropped (2): epoch: 3, name: "run""; with names as they are.
std::string loss_text(const Loss& loss);

}  // namespace hardload
