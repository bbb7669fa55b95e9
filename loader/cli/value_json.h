// write_value: a Value as JSON, nothing lost but the types of dicts.
//
// What JSON has is written as it is; the rest is an object with "$type": integers beyond 2^53, nan
// and infinities, bytes, tuples, sets, dicts whose keys are not all strings (or that have a key
// "$type"), and torch's own types. inspect.schema.json lists the forms.
#pragma once

#include <string_view>

#include "loader/cli/json_writer.h"
#include "loader/manifest/manifest.h"
#include "loader/pickle/value.h"

namespace hardload {

// The names of the parts of an object that was not made, in the order of InertPart.
inline constexpr std::string_view kInertKeys[kInertParts] = {"callable", "arguments", "state",
                                                             "items", "entries"};

// "list", "dict", "Counter": the "$type" of a container. Dicts that need pairs are "dict", ordered
// or not.
std::string_view container_type(Value value);
bool is_container(Value value);
// Whether it may contain itself: see Value::identity.
bool has_identity(Value value);

// Writes `value` with all that it contains. Tensors are left out of dicts, and are
// {"$type": "tensor"} elsewhere: inspect lists them apart. A container inside itself is
// {"$type": "cycle"}. Does not recurse.
void write_value(JsonWriter& json, const Manifest& manifest, Value value);

// The same for a key of a dict: of an object that was not made, no more than its plain arguments.
void write_key(JsonWriter& json, const Manifest& manifest, Value key);

// An integer, or the form of those beyond 2^53, which not every reader has.
void write_int(JsonWriter& json, std::int64_t value);

// A number, or the form of nan and the infinities.
void write_float(JsonWriter& json, double value);

}  // namespace hardload
