// write_diff_text: the differences of two checkpoints for people.
#pragma once

#include "loader/cli/diff.h"
#include "loader/cli/json_writer.h"

namespace hardload {

// The two files, the first differences of tensors and of values, how many there are, and the
// verdict as the last line. All that is from the files is escaped. `found` is what diff(a, b) with
// any options returned.
void write_diff_text(const DiffSide& a, const DiffSide& b, const Diff& found,
                     const JsonWriter::Sink& out);

}  // namespace hardload
