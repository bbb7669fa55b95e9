#include "loader/cli/inspect.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/cli/size_text.h"
#include "loader/cli/value_json.h"

namespace hardload {
namespace {

void write_dims(JsonWriter& json, std::span<const std::int64_t> dims) {
  json.begin_array();
  for (const std::int64_t dim : dims) json.integer(dim);
  json.end();
}

// The file that the byte at `offset` is in; nullptr where there is only one.
const ShardFile* shard_at(const Manifest& manifest, std::uint64_t offset) {
  const auto shards = manifest.container().shards();
  const auto behind =
      std::ranges::upper_bound(shards, offset, std::ranges::less(), &ShardFile::begin);
  return behind == shards.begin() ? nullptr : &*std::prev(behind);
}

// Where the first element is in its file; nowhere for deflated and meta tensors, and for empty ones
// that begin outside of their storage.
std::optional<std::uint64_t> file_offset(const Manifest& manifest, const TensorSpec& tensor) {
  if (tensor.storage == TensorSpec::kNoStorage) return std::nullopt;
  const Record* record = manifest.storages()[tensor.storage].record;
  if (record == nullptr || record->compression != Compression::kStored) return std::nullopt;
  const std::uint64_t items = record->bytes / item_bytes(tensor.dtype);
  if (static_cast<std::uint64_t>(tensor.offset) > items) return std::nullopt;
  const ShardFile* shard = shard_at(manifest, record->data_offset);
  return record->data_offset - (shard == nullptr ? 0 : shard->begin) +
         static_cast<std::uint64_t>(tensor.offset) * item_bytes(tensor.dtype);
}

// The records of a folder of the archive, such as "code".
struct FolderSize {
  std::uint64_t files = 0, bytes = 0;
};
FolderSize size_of(const Container& container, std::string_view folder) {
  FolderSize size;
  for (const Record& record : container.records()) {
    const std::string_view name = record.name.substr(record.name.find('/') + 1);
    if (!name.starts_with(folder) || name.substr(folder.size(), 1) != "/") continue;
    ++size.files;
    size.bytes += record.bytes;
  }
  return size;
}

// What a TorchScript archive holds beside the module's attributes, which is not looked into.
constexpr std::string_view kScriptFolders[] = {"code", "constants"};

class TensorWriter {
 public:
  TensorWriter(JsonWriter& json, const Manifest& manifest, const Digests& digests)
      : json_(json), manifest_(manifest), digests_(digests) {}

  void write(const NamedTensor& named) {
    json_.begin_object();
    json_.plain_key("name").string(manifest_.name(named));
    json_.plain_key("path").begin_array();
    for (const Value& key : manifest_.path(named)) write_value(json_, manifest_, key);
    json_.end();
    const TensorSpec& tensor = manifest_.tensors()[named.tensor];
    write_fields(named.tensor);
    if (tensor.is_sparse()) write_sparse(tensor);
    if (tensor.is_quantized()) write_quantizer(tensor);
    json_.end();
  }

 private:
  void write_fields(std::uint32_t number) {
    const TensorSpec& tensor = manifest_.tensors()[number];
    json_.plain_key("dtype").string(to_string(tensor.dtype));
    json_.plain_key("shape");
    write_dims(json_, manifest_.shape(tensor));
    if (tensor.is_sparse()) {
      json_.plain_key("strides").null().plain_key("offset").null();
    } else {
      json_.plain_key("strides");
      write_dims(json_, manifest_.strides(tensor));
      json_.plain_key("offset").integer(tensor.offset);
    }
    json_.plain_key("storage");
    if (tensor.storage == TensorSpec::kNoStorage) {
      json_.null();
    } else {
      json_.string(manifest_.storages()[tensor.storage].key);
    }
    json_.plain_key("file_offset");
    if (const auto offset = file_offset(manifest_, tensor)) {
      json_.unsigned_integer(*offset);
    } else {
      json_.null();
    }
    json_.plain_key("nbytes").unsigned_integer(manifest_.nbytes(tensor));
    json_.plain_key("device").string(manifest_.location(tensor));
    if (digests_.empty()) return;
    json_.plain_key("sha256");
    if (const auto& digest = digests_[number]) {
      json_.string(*digest);
    } else {
      json_.null();
    }
  }

  void write_part(std::string_view role, std::uint32_t number) {
    json_.plain_key(role).begin_object();
    write_fields(number);
    json_.end();
  }

  void write_sparse(const TensorSpec& tensor) {
    const SparseSpec& sparse = manifest_.sparse(tensor);
    json_.plain_key("layout").string(to_string(tensor.layout));
    if (sparse.is_coalesced) json_.plain_key("is_coalesced").boolean(*sparse.is_coalesced);
    const bool by_row =
        tensor.layout == TensorLayout::kSparseCsr || tensor.layout == TensorLayout::kSparseBsr;
    json_.plain_key("parts").begin_object();
    if (tensor.layout == TensorLayout::kSparseCoo) {
      write_part("indices", sparse.indices);
    } else {
      write_part(by_row ? "crow_indices" : "ccol_indices", sparse.indices);
      write_part(by_row ? "col_indices" : "row_indices", sparse.plain_indices);
    }
    write_part("values", sparse.values);
    json_.end();
  }

  void write_quantizer(const TensorSpec& tensor) {
    const QuantizerSpec& quantizer = manifest_.quantizer(tensor);
    json_.plain_key("quantizer").begin_object();
    if (!quantizer.is_per_channel) {
      json_.plain_key("scheme").string("per_tensor_affine");
      json_.plain_key("scale");
      write_float(json_, quantizer.scale);
      json_.plain_key("zero_point").integer(quantizer.zero_point);
    } else {
      const Dtype zero = manifest_.tensors()[quantizer.zero_points].dtype;
      json_.plain_key("scheme").string(info(zero).is_floating ? "per_channel_affine_float_qparams"
                                                              : "per_channel_affine");
      json_.plain_key("axis").integer(quantizer.axis);
      write_part("scales", quantizer.scales);
      write_part("zero_points", quantizer.zero_points);
    }
    json_.end();
  }

  JsonWriter& json_;
  const Manifest& manifest_;
  const Digests& digests_;
};

// The beginning of a text that may be a whole configuration, as trainers leave them; JSON shows
// all.
std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 200;
  if (text.size() <= kMost) return escape_for_display(text);
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;  // in a character
  return escape_for_display(text.substr(0, end)) + "...";
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
    const Container& container = manifest.container();
    json.plain_key("container").string(short_name(container.format()));
    if (const auto version = container.version()) {
      json.plain_key("format_version").unsigned_integer(*version);
    }
    json.plain_key("byteorder")
        .string(manifest.byte_order() == ByteOrder::kLittle ? "little" : "big");
    if (!container.metadata().empty()) {
      json.plain_key("metadata").begin_object();
      for (const MetadataEntry& entry : container.metadata()) {
        json.key(entry.key).string(entry.value);
      }
      json.end();
    }
    if (container.following() != 0) {
      json.plain_key("following").unsigned_integer(container.following());
    }
    if (container.format() == Format::kTorchScript) {
      for (const std::string_view folder : kScriptFolders) {
        const FolderSize size = size_of(container, folder);
        json.plain_key(folder).begin_object();
        json.plain_key("files").unsigned_integer(size.files);
        json.plain_key("bytes").unsigned_integer(size.bytes).end();
      }
    }
    if (!container.shards().empty()) {
      json.plain_key("shards").begin_array();
      for (const ShardFile& shard : container.shards()) json.string(shard.name);
      json.end();
    }
    json.plain_key("tensors").begin_array();
    TensorWriter writer(json, manifest, digests);
    for (const NamedTensor& named : manifest.named_tensors()) {
      json.new_line();
      writer.write(named);
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
  const std::size_t shards = manifest.container().shards().size();
  out(concat(escape_for_display(file), ": ", to_string(manifest.container().format()), ", ",
             shards == 0 ? "" : concat(shards, " shards, "), manifest.named_tensors().size(),
             " tensors in ", manifest.storages().size(), " storages, ", size_text(bytes)));
  if (const std::uint64_t following = manifest.container().following()) {
    out(concat("; ", following, " bytes of another checkpoint follow"));
  }
  out("\n");
  for (const MetadataEntry& entry : manifest.container().metadata()) {
    out(concat("  ", shortened(entry.key), ": ", shortened(entry.value), "\n"));
  }
  if (manifest.container().format() == Format::kTorchScript) {
    for (const std::string_view folder : kScriptFolders) {
      const FolderSize size = size_of(manifest.container(), folder);
      if (size.files == 0) continue;
      out(concat("  (", folder, ": ", size.files, " files, ", size_text(size.bytes),
                 ", not looked into)\n"));
    }
  }
  for (const NamedTensor& named : manifest.named_tensors()) {
    const TensorSpec& tensor = manifest.tensors()[named.tensor];
    std::string line = concat("  ", padded(escape_for_display(manifest.name(named)), name_width),
                              "  ", padded(std::string(to_string(tensor.dtype)), 8), "  ",
                              padded(shape_text(manifest.shape(tensor)), shape_width), "  ",
                              escape_for_display(manifest.location(tensor)));
    if (tensor.is_sparse()) append(line, "  ", to_string(tensor.layout));
    if (!digests.empty()) append(line, "  ", digests[named.tensor].value_or("-"));
    out(line + "\n");
  }
}

}  // namespace hardload
