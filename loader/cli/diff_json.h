// write_diff_json: all differences of two checkpoints, for programs.
#pragma once

#include "loader/cli/diff.h"
#include "loader/cli/json_writer.h"

namespace hardload {

// One JSON object, in the form of diff.schema.json, and a final newline. `found` is what diff(a, b,
// options) returned.
void write_diff_json(const DiffSide& a, const DiffSide& b, const DiffOptions& options,
                     const Diff& found, const JsonWriter::Sink& out);

}  // namespace hardload
