#include "loader/cli/inspect.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "loader/cli/named_parts.h"
#include "loader/cli/script_folders.h"
#include "loader/cli/value_json.h"

namespace hardload {
namespace {

void write_dims(JsonWriter& json, std::span<const std::int64_t> dims) {
  json.begin_array();
  for (const std::int64_t dim : dims) json.integer(dim);
  json.end();
}

// The file that the byte at `offset` is in; nullptr where there is only one. One without a name
// stands for several.
const ShardFile* shard_at(const Manifest& manifest, std::uint64_t offset) {
  const auto shards = manifest.container().shards();
  const auto behind =
      std::ranges::upper_bound(shards, offset, std::ranges::less(), &ShardFile::begin);
  return behind == shards.begin() ? nullptr : &*std::prev(behind);
}

// Where the first element is in its file; nowhere for deflated and meta tensors, for those that lie
// in several files, and for empty ones that begin outside of their storage.
std::optional<std::uint64_t> file_offset(const Manifest& manifest, const TensorSpec& tensor) {
  if (tensor.storage == TensorSpec::kNoStorage) return std::nullopt;
  const Record* record = manifest.storages()[tensor.storage].record;
  if (record == nullptr || record->compression != Compression::kStored) return std::nullopt;
  const std::uint64_t items = record->bytes / item_bytes(tensor.dtype);
  if (static_cast<std::uint64_t>(tensor.offset) > items) return std::nullopt;
  const ShardFile* shard = shard_at(manifest, record->data_offset);
  if (shard != nullptr && shard->name.empty()) return std::nullopt;
  return record->data_offset - (shard == nullptr ? 0 : shard->begin) +
         static_cast<std::uint64_t>(tensor.offset) * item_bytes(tensor.dtype);
}

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
    json_.plain_key("parts").begin_object();
    for (const auto& [role, part] : named_parts(manifest_, tensor)) write_part(role, part);
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
      for (const auto& [role, part] : named_parts(manifest_, tensor)) write_part(role, part);
    }
    json_.end();
  }

  JsonWriter& json_;
  const Manifest& manifest_;
  const Digests& digests_;
};

}  // namespace

void write_inspect_json(const Manifest& manifest, const Digests& digests,
                        const JsonWriter::Sink& out) {
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
      const FolderSize size = size_of_folder(container, folder);
      json.plain_key(folder).begin_object();
      json.plain_key("files").unsigned_integer(size.files);
      json.plain_key("bytes").unsigned_integer(size.bytes).end();
    }
  }
  if (!container.shards().empty()) {
    json.plain_key("shards").begin_array();
    for (const ShardFile& shard : container.shards()) {
      if (!shard.name.empty()) json.string(shard.name);
    }
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
  json.end().flush();
  out("\n");
}

}  // namespace hardload
