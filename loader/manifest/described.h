// Described: a checkpoint that may lie in several files, described.
#pragma once

#include <memory>

#include "loader/bytes/byte_source.h"
#include "loader/manifest/manifest.h"

namespace hardload {

struct Described {
  std::shared_ptr<const ByteSource> source;  // that the manifest's places count in
  Manifest manifest;
};

}  // namespace hardload
