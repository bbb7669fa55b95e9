// system_error: what the operating system said, as an Error of this library.
#pragma once

#include <string_view>
#include <system_error>

#include "loader/base/error.h"
#include "loader/base/text.h"

namespace hardload {

// kIo: "`what`: No such file or directory". `number` is an errno value.
inline Error system_error(std::string_view what, int number, std::string_view source) {
  return Error(ErrorKind::kIo, Stage::kBytes,
               concat(what, ": ", std::generic_category().message(number)))
      .in_source(source);
}

}  // namespace hardload
