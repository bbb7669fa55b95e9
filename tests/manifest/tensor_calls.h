// Calls of torch's rebuild functions for tests, argument by argument.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/manifest/checkpoints.h"

namespace hardload::testing {

// Pickle instructions that push one value each.
namespace push {

inline std::string integer(std::int64_t value) { return PickleBuilder("").integer(value).bytes(); }
inline std::string boolean(bool value) { return PickleBuilder("").boolean(value).bytes(); }
inline std::string text(std::string_view value) { return PickleBuilder("").text(value).bytes(); }
inline std::string integers(const std::vector<std::int64_t>& values) {
  return PickleBuilder("").integers(values).bytes();
}
inline std::string dtype(std::string_view name) {
  return PickleBuilder("").global("torch", name).bytes();
}
inline std::string storage(std::string_view storage_class, std::int64_t numel) {
  return PickleBuilder("").storage(storage_class, "0", numel).bytes();
}
inline std::string no_hooks() { return PickleBuilder("").ordered_dict().bytes(); }
inline std::string call(std::string_view module, std::string_view name,
                        const std::vector<std::string>& arguments) {
  PickleBuilder pickle("");
  pickle.global(module, name).mark();
  for (const std::string& argument : arguments) pickle.raw(argument);
  return pickle.tuple().reduce().bytes();
}

}  // namespace push

// A file whose object is {"w": <what `instructions` push>}, with a storage "0" of 24 bytes.
inline Result<Manifest> describe_w(const std::string& instructions, const Limits& limits = {}) {
  return describe_pickle(PickleBuilder().empty_dict().text("w").raw(instructions).op('s'), limits);
}

// torch._utils.NAME(*arguments) as that tensor.
inline Result<Manifest> describe_call(std::string_view name,
                                      const std::vector<std::string>& arguments,
                                      const Limits& limits = {}) {
  return describe_w(push::call("torch._utils", name, arguments), limits);
}

}  // namespace hardload::testing
