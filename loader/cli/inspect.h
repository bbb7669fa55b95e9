// write_inspect_json: what a checkpoint holds, for programs. As text: inspect_text.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/cli/json_writer.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Digests by tensor number, as digest_tensors makes them; empty where none were asked for.
using Digests = std::vector<std::optional<std::string>>;

// One JSON object, in the form of inspect.schema.json, and a final newline.
void write_inspect_json(const Manifest& manifest, const Digests& digests,
                        const JsonWriter::Sink& out);

}  // namespace hardload
