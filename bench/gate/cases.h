// The cases of the gate: calls whose cost is counted. Each runs on one thread, on files that are
// the same on every machine, and gives the same result each time that it is called.
#pragma once

#include <functional>
#include <span>
#include <string>

namespace hardload::bench {

struct Case {
  const char* name;
  // Writes into `folder` what the call needs, and returns the call. It throws where its result is
  // not the right one.
  std::function<void()> (*prepare)(const std::string& folder);
};

// Those of the program: describing, matching and moving (plain_cases.cc), or all that ends in
// tensors (torch_cases.cc).
std::span<const Case> cases();

}  // namespace hardload::bench
