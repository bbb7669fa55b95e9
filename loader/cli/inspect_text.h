// write_inspect_text: what a checkpoint holds, for people.
#pragma once

#include <string_view>

#include "loader/cli/inspect.h"
#include "loader/cli/json_writer.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// A line about `file`, the tensors as a tree in 80 columns (name_tree.h), what they take by dtype
// and by device, and the state dicts that are inside. With digests nothing is folded, and each has
// a line of its own. `colour`: bold and dim, as terminals have them. Names are escaped.
void write_inspect_text(const Manifest& manifest, std::string_view file, const Digests& digests,
                        bool colour, const JsonWriter::Sink& out);

}  // namespace hardload
