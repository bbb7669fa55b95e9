// ByteSink: where the bytes of a file that is being written go.
//
//   HARDLOAD_TRY(sink.write(header));      // in order, once
//
// FileWriter writes to a file. Threads: one at a time.
#pragma once

#include <cstddef>
#include <span>

#include "loader/base/result.h"

namespace hardload {

class ByteSink {
 public:
  virtual ~ByteSink() = default;

  // Takes `bytes`, which follow those of the call before. Errors: kIo. After one, what is there is
  // incomplete and only to be thrown away.
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
};

}  // namespace hardload
