// The cases of data/malformed/expected.json.
#pragma once

#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/files.h"

namespace hardload::testing {

// Those whose files are kept; the others are those of rows_large.py.
inline std::vector<nlohmann::json> kept_malformed_cases() {
  std::vector<nlohmann::json> kept;
  for (nlohmann::json& one : nlohmann::json::parse(read_file("data/malformed/expected.json"))) {
    if (!one.value("at_run_time", false)) kept.push_back(std::move(one));
  }
  return kept;
}

}  // namespace hardload::testing
