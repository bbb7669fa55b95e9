// describe_input: what holds of every file, whatever its format.
//
// A file that describe accepts has a manifest in which every tensor lies inside its storage, every
// storage inside its record and every record inside the file; it can be shown and digested, twice
// with the same result. One that it refuses is refused with advice, and verify finds something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "loader/base/error.h"

namespace hardload::fuzz {

// How far an input got.
struct Described {
  std::optional<Stage> refused_by = {};  // none: it is accepted
  bool has_tensors = false;
};

Described describe_input(const std::uint8_t* data, std::size_t size);

}  // namespace hardload::fuzz
