// build_manifest: the last describe stage, from records and values to a Manifest.
#pragma once

#include <memory>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Errors: those of TreeWalk, StorageTable and TensorTable.
Result<Manifest> build_manifest(std::unique_ptr<const Container> container, ValueGraph graph,
                                const Limits& limits);

}  // namespace hardload
