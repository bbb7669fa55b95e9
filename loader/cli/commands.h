// run_inspect, run_verify, run_diff, run_convert: the subcommands, from a path to an exit status.
//
// Data goes to stdout, messages to stderr; names from files are escaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loader/cli/compare_elements.h"
#include "loader/cli/convert_command.h"
#include "loader/pickle/globals.h"

namespace hardload {

enum Exit : int { kFine = 0, kRefused = 1, kDifferent = 1, kTrouble = 2 };

struct InspectFlags {
  bool as_json = false;
  bool with_digests = false;
  bool follow_links = true;  // of the folder of a sharded checkpoint
  Unlisted unlisted = Unlisted::kRefuse;
};

struct DiffFlags {
  bool as_json = false;
  bool follow_links = true;
  std::optional<Tolerance> tolerance;
  Unlisted unlisted = Unlisted::kRefuse;
};

// Paths: "-" is standard input.
Exit run_inspect(const std::string& path, const InspectFlags& flags);
Exit run_verify(const std::string& path, bool follow_links);
// A file that is refused is trouble here, for 1 says that the files differ.
Exit run_diff(const std::string& a, const std::string& b, const DiffFlags& flags);

Exit run_convert(const ConvertCommand& command);

void complain(std::string_view text);

}  // namespace hardload
