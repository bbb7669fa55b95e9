#include "loader/cli/inspect.h"

#include <algorithm>
#include <array>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/cli/size_text.h"
#include "loader/cli/value_json.h"

namespace hardload {
namespace {

std::string_view device_of(const Manifest& manifest, const TensorSpec& tensor) {
  if (tensor.storage == TensorSpec::kNoStorage) return "meta";
  return manifest.storages()[tensor.storage].location;
}

void write_dims(JsonWriter& json, std::span<const std::int64_t> dims) {
  json.begin_array();
  for (const std::int64_t dim : dims) json.integer(dim);
  json.end();
}

// Where the first element is in the file; nowhere for deflated and meta tensors, and for empty ones
// that begin outside of their storage.
std::optional<std::uint64_t> file_offset(const Manifest& manifest, const TensorSpec& tensor) {
  if (tensor.storage == TensorSpec::kNoStorage) return std::nullopt;
  const Record* record = manifest.storages()[tensor.storage].record;
  if (record == nullptr || record->compression != Compression::kStored) return std::nullopt;
  const std::uint64_t items = record->bytes / item_bytes(tensor.dtype);
  if (static_cast<std::uint64_t>(tensor.offset) > items) return std::nullopt;
  return record->data_offset + static_cast<std::uint64_t>(tensor.offset) * item_bytes(tensor.dtype);
}

void write_tensor(JsonWriter& json, const Manifest& manifest, const NamedTensor& named,
                  const Digests& digests) {
  const TensorSpec& tensor = manifest.tensors()[named.tensor];
  json.begin_object();
  json.plain_key("name").string(manifest.name(named));
  json.plain_key("path").begin_array();
  for (const Value& key : manifest.path(named)) write_value(json, manifest, key);
  json.end();
  json.plain_key("dtype").string(to_string(tensor.dtype));
  json.plain_key("shape");
  write_dims(json, manifest.shape(tensor));
  json.plain_key("strides");
  write_dims(json, manifest.strides(tensor));
  json.plain_key("offset").integer(tensor.offset);
  json.plain_key("storage");
  if (tensor.storage == TensorSpec::kNoStorage) {
    json.null();
  } else {
    json.string(manifest.storages()[tensor.storage].key);
  }
  json.plain_key("file_offset");
  if (const auto offset = file_offset(manifest, tensor)) {
    json.unsigned_integer(*offset);
  } else {
    json.null();
  }
  json.plain_key("nbytes").unsigned_integer(tensor.nbytes());
  json.plain_key("device").string(device_of(manifest, tensor));
  if (!digests.empty()) {
    json.plain_key("sha256");
    if (const auto& digest = digests[named.tensor]) {
      json.string(*digest);
    } else {
      json.null();
    }
  }
  json.end();
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) append(text, i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

}  // namespace

void write_inspect_json(const Manifest& manifest, const Digests& digests,
                        const JsonWriter::Sink& out) {
  {
    JsonWriter json(out);
    json.begin_object();
    json.plain_key("container").string("zip");
    json.plain_key("format_version").unsigned_integer(manifest.archive().version());
    json.plain_key("byteorder")
        .string(manifest.byte_order() == ByteOrder::kLittle ? "little" : "big");
    json.plain_key("tensors").begin_array();
    for (const NamedTensor& named : manifest.named_tensors()) {
      json.new_line();
      write_tensor(json, manifest, named, digests);
    }
    json.end();
    json.new_line().plain_key("values");
    write_value(json, manifest, manifest.root());
    json.end();
  }
  out("\n");
}

void write_inspect_text(const Manifest& manifest, std::string_view file, const Digests& digests,
                        const JsonWriter::Sink& out) {
  std::size_t name_width = 0, shape_width = 0;
  for (const NamedTensor& named : manifest.named_tensors()) {
    name_width = std::max(name_width, escape_for_display(manifest.name(named)).size());
    shape_width =
        std::max(shape_width, shape_text(manifest.shape(manifest.tensors()[named.tensor])).size());
  }
  // One monstrous name must not push all others off the screen.
  name_width = std::min<std::size_t>(name_width, 60);
  shape_width = std::min<std::size_t>(shape_width, 30);

  const auto padded = [](std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
  };
  std::uint64_t bytes = 0;
  for (const StorageSpec& storage : manifest.storages()) bytes += storage.bytes;
  out(concat(escape_for_display(file), ": torch.save zip, ", manifest.named_tensors().size(),
             " tensors in ", manifest.storages().size(), " storages, ", size_text(bytes), "\n"));
  for (const NamedTensor& named : manifest.named_tensors()) {
    const TensorSpec& tensor = manifest.tensors()[named.tensor];
    std::string line = concat("  ", padded(escape_for_display(manifest.name(named)), name_width),
                              "  ", padded(std::string(to_string(tensor.dtype)), 8), "  ",
                              padded(shape_text(manifest.shape(tensor)), shape_width), "  ",
                              escape_for_display(device_of(manifest, tensor)));
    if (!digests.empty()) append(line, "  ", digests[named.tensor].value_or("-"));
    out(line + "\n");
  }
}

}  // namespace hardload
