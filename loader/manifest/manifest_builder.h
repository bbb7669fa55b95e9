// build_manifest: the last describe stage, from records and values to a Manifest.
#pragma once

#include <memory>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/manifest/manifest.h"
#include "loader/manifest/saved_objects.h"

namespace hardload {

// `saved` says what numbers stand for, if persistent ids are numbers. Errors: those of TreeWalk,
// StorageTable and TensorTable.
Result<Manifest> build_manifest(std::unique_ptr<const Container> container, ValueGraph graph,
                                const Limits& limits, const SavedObjects* saved = nullptr);

}  // namespace hardload
