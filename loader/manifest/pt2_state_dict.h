// build_pt2: the weights of an archive of torch.export as a state dict.
#pragma once

#include <memory>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/container/pt2_archive.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// What ExportedProgram.state_dict holds: parameters and persistent buffers, in its order. Errors:
// kName for a storage whose name is unsafe; kStorage for one that is not there; kLayout for a
// weight that leaves its storage; kLimit.
Result<Manifest> build_pt2(std::unique_ptr<const Pt2Archive> archive, const Limits& limits);

}  // namespace hardload
