// write_value: a Value as JSON, nothing lost but the types of dicts.
//
// What JSON has is written as it is; the rest is an object with "$type": integers beyond 2^53, nan
// and infinities, bytes, tuples, sets, dicts whose keys are not all strings (or that have a key
// "$type"), and torch's own types. inspect.schema.json lists the forms.
#pragma once

#include "loader/cli/json_writer.h"
#include "loader/manifest/manifest.h"
#include "loader/pickle/value.h"

namespace hardload {

// Writes `value` with all that it contains. Tensors are left out of dicts, and are
// {"$type": "tensor"} elsewhere: inspect lists them apart. A container inside itself is
// {"$type": "cycle"}. Does not recurse.
void write_value(JsonWriter& json, const Manifest& manifest, Value value);

// A number, or the form of nan and the infinities.
void write_float(JsonWriter& json, double value);

}  // namespace hardload
