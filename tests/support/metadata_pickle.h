// metadata_pickle: a `.metadata` of torch.distributed.checkpoint for tests, from its parts.
//
//   using namespace testing::metadata;
//   const std::string pickle = metadata(
//       {{text("w"), tensor("float32", {4}, {chunk({0}, {4})})}},
//       {{index("w", {0}), info("__0_0.distcp", 0, 1000)}});
//
// Each function gives the instructions that make one value. Makes no checks: wrong pickles are the
// point.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hardload::testing::metadata {

using Values = std::vector<std::string>;
using Entries = std::vector<std::pair<std::string, std::string>>;
using Dims = std::vector<std::int64_t>;

inline const std::string kNone = "N";
inline constexpr std::string_view kModule = "torch.distributed.checkpoint.metadata";

inline std::string text(std::string_view value) {
  if (value.size() < 256) {
    return std::string("\x8c") + static_cast<char>(value.size()) + std::string(value);
  }
  std::string out = "X";
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value.size() >> (8 * i));
  return out += value;
}

inline std::string number(std::int64_t value) {
  std::string out = "\x8a\x08";
  for (int i = 0; i < 8; ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return out;
}

inline std::string joined(const Values& values) {
  std::string out;
  for (const std::string& value : values) out += value;
  return out;
}
inline std::string tuple(const Values& values) { return "(" + joined(values) + "t"; }
inline std::string list(const Values& values) { return "](" + joined(values) + "e"; }
inline std::string dict(const Entries& entries) {
  std::string out = "}(";
  for (const auto& [key, value] : entries) out += key + value;
  return out + "u";
}

inline std::string global(std::string_view module, std::string_view name) {
  return text(module) + text(name) + "\x93";
}
inline std::string call(const std::string& callable, const Values& arguments) {
  return callable + tuple(arguments) + "R";
}
inline std::string size(const Dims& dims) {
  Values values;
  for (const std::int64_t dim : dims) values.push_back(number(dim));
  return call(global("torch", "Size"), {tuple(values)});
}

// An object of a dataclass, with its state.
inline std::string object(std::string_view name, const std::string& state,
                          std::string_view module = kModule) {
  return global(module, name) + ")\x81" + (state.empty() ? "" : state + "b");
}

inline std::string chunk(const Dims& offsets, const Dims& sizes) {
  return object("ChunkStorageMetadata",
                dict({{text("offsets"), size(offsets)}, {text("sizes"), size(sizes)}}));
}
// As Python 3.12 writes the member of an enum; 3.11 writes getattr(class, name).
inline std::string properties(std::string_view dtype) {
  const std::string layout =
      call(global("torch.serialization", "_get_layout"), {text("torch.strided")});
  const std::string format = call(global(kModule, "_MEM_FORMAT_ENCODING"), {number(0)});
  return object("TensorProperties",
                tuple({global("torch", dtype), layout, "\x89", format, "\x89"}));
}
inline std::string tensor(std::string_view dtype, const Dims& dims, const Values& chunks) {
  return object("TensorStorageMetadata", dict({{text("properties"), properties(dtype)},
                                               {text("size"), size(dims)},
                                               {text("chunks"), list(chunks)}}));
}
inline std::string other() { return object("BytesStorageMetadata", ""); }

inline std::string index(std::string_view name) {
  return object("MetadataIndex", dict({{text("fqn"), text(name)}, {text("index"), kNone}}));
}
inline std::string index(std::string_view name, const Dims& offset) {
  return object("MetadataIndex", dict({{text("fqn"), text(name)},
                                       {text("index"), number(0)},
                                       {text("offset"), size(offset)}}));
}
inline std::string info(std::string_view file, std::int64_t offset, std::int64_t length,
                        const Entries& more = {}) {
  Entries fields = {{text("relative_path"), text(file)},
                    {text("offset"), number(offset)},
                    {text("length"), number(length)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return object("_StorageInfo", dict(fields), "torch.distributed.checkpoint.filesystem");
}

inline std::string pickle(const std::string& value, char protocol = 4) {
  return std::string("\x80") + protocol + value + ".";
}
// With the frame that says how long it is, which makes it known by its first bytes.
inline std::string framed(const std::string& value) {
  std::string out = "\x80\x04\x95";
  for (int i = 0; i < 8; ++i) out += static_cast<char>((value.size() + 1) >> (8 * i));
  return out + value + ".";
}

// The value of a Metadata. `paths`: planner_data, None or a dict.
inline std::string root(const std::string& entries, const std::string& slices,
                        const std::string& paths = kNone) {
  return object("Metadata", dict({{text("state_dict_metadata"), entries},
                                  {text("planner_data"), paths},
                                  {text("storage_data"), slices},
                                  {text("version"), text("1.0.0")}}));
}
inline std::string metadata(const Entries& entries, const Entries& slices,
                            const std::string& paths = kNone) {
  return pickle(root(dict(entries), dict(slices), paths));
}

}  // namespace hardload::testing::metadata
