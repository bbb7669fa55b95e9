// StringSink: a file that is written, in memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "loader/base/result.h"
#include "loader/bytes/byte_sink.h"

namespace hardload::testing {

struct StringSink final : ByteSink {
  Result<void> write(std::span<const std::byte> bytes) override {
    if (content.size() + bytes.size() > capacity) {
      return Error(ErrorKind::kIo, Stage::kBytes, "the sink is full");
    }
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }

  std::string content;
  std::size_t capacity = std::size_t{1} << 30;
};

}  // namespace hardload::testing
