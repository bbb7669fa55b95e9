// check_invariants: what must hold of every Manifest, computed again and in another way.
//
// A Manifest promises that each tensor lies inside its storage, each storage inside its record and
// each record inside the file, and that every tensor of the object tree has its name. Tests ask
// this of golden files, fuzz targets of whatever describe() accepted.
//
// LibTorch-free. Linear in the manifest and its object tree, no recursion.
#pragma once

#include <string>

#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload::testing {

// What is wrong with `manifest`, which describe() made of `source`; empty where nothing is.
std::string check_invariants(const ByteSource& source, const Manifest& manifest);

}  // namespace hardload::testing
