// pickle_manifest: data.pkl of what a Manifest describes.
//
//   HARDLOAD_ASSIGN(const PickledManifest made, pickle_manifest(manifest, limits));
//   write("data.pkl", made.pickle);
//   for (std::size_t i = 0; i < made.storages.size(); ++i) write(concat("data/", i), ...);
//
// Whatever format the manifest came from. Of a file that torch.save wrote this is its own pickle
// again, byte for byte; of another one, what torch.save would write of the object that torch.load
// makes of it. Objects that are there once stay that: containers, strings, tensors, storages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct PickledManifest {
  std::string pickle;
  // Among Manifest::storages(), by the number in the new record's name. Those alone that something
  // refers to, which is all of them.
  std::vector<std::uint32_t> storages;
};

// Goes through the values without recursion. Only names of the table of globals
// (loader/pickle/globals.h) are written: kUnsupported for inert objects, and for a quantized tensor
// whose storage is viewed as another type; kLimit for depth and size.
Result<PickledManifest> pickle_manifest(const Manifest& manifest, const Limits& limits);

}  // namespace hardload
