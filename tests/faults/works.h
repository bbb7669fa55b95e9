// All that the library does with a checkpoint without LibTorch, each as a function of a path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/error.h"
#include "loader/base/result.h"

namespace hardload::testing {

struct Work {
  const char* name;
  Result<std::string> (*run)(const std::string& path);  // gives all that came of it, as text
};

// describe and inspect as JSON and as text, digests, verify, diff, convert to either format.
const std::vector<Work>& works();

// What came of a work: a text, or an error, of which the text is the message. The callers of the
// commands' functions have to expect std::bad_alloc: here it is kOutOfMemory, as in main().
struct Outcome {
  std::string text;
  std::optional<ErrorKind> error;
  bool operator==(const Outcome&) const = default;
};
Outcome outcome_of(const Work& work, const std::string& path);

// Whether it is what comes of a whole file: all but what the new format cannot hold.
inline bool is_fine(const Outcome& outcome) {
  return !outcome.error || outcome.error == ErrorKind::kUnsupported;
}

// What a work can leave behind in this process and on the disk.
struct Left {
  long allocations;
  int descriptor;  // the lowest that is free
  long files;      // in the folder that is converted to
  bool operator==(const Left&) const = default;
};
Left what_is_left();

}  // namespace hardload::testing
