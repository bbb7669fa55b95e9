#include "tests/manifest/invariants.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "tests/manifest/tree_checks.h"

namespace hardload::testing {
namespace {

using Wide = unsigned __int128;
constexpr Wide kTooMuch = Wide{1} << 64;  // more bytes than any file has

// Records lie inside the file, behind their headers if they have some, and do not overlap.
std::string check_records(const ByteSource& source, const Manifest& manifest) {
  std::vector<const Record*> records;
  for (const Record& record : manifest.container().records()) records.push_back(&record);
  std::sort(records.begin(), records.end(), [](const Record* a, const Record* b) {
    return std::pair(a->header_offset, a->stored_bytes) <
           std::pair(b->header_offset, b->stored_bytes);
  });
  const bool has_headers = manifest.container().format() == Format::kTorchZip;
  Wide end = 0;
  for (const Record* record : records) {
    const auto wrong = [&](std::string_view what) {
      return concat("record '", record->name, "' ", what);
    };
    if (record->header_offset < end) return wrong("begins inside the record before it");
    const Wide header_end =
        Wide{record->header_offset} + (has_headers ? record->name.size() + 1 : 0);
    if (record->data_offset < header_end) {
      return wrong("has data inside of its own header");
    }
    end = Wide{record->data_offset} + record->stored_bytes;
    if (end > source.size()) return wrong("ends after the file does");
    if (record->compression == Compression::kStored && record->stored_bytes != record->bytes) {
      return wrong("is stored as it is, but in another size");
    }
  }
  return "";
}

// Storages have the size of their record, whose name is their key, and are there once.
std::string check_storages(const Manifest& manifest) {
  const auto records = manifest.container().records();
  std::set<std::string_view> keys;
  for (const StorageSpec& storage : manifest.storages()) {
    const auto wrong = [&](std::string_view what) {
      return concat("storage '", storage.key, "' ", what);
    };
    if (!keys.insert(storage.key).second) return wrong("is listed twice");
    if (storage.record == nullptr) {
      if (storage.bytes != 0) return wrong("has bytes, but no record");
      continue;
    }
    if (storage.record < records.data() || storage.record >= records.data() + records.size()) {
      return wrong("has a record that is not the archive's");
    }
    if (storage.record != manifest.container().storage(storage.key)) {
      return wrong("has the record of another storage");
    }
    if (storage.record->bytes != storage.bytes) return wrong("differs from its record in size");
  }
  return "";
}

// The product of the sizes; capped, so that it does not wrap.
Wide count_of(std::span<const std::int64_t> shape) {
  Wide count = 1;
  for (const std::int64_t size : shape) count = std::min(count * static_cast<Wide>(size), kTooMuch);
  return std::find(shape.begin(), shape.end(), 0) == shape.end() ? count : 0;
}

// Where the last element of a tensor that has elements ends, in elements; capped.
Wide end_of(const TensorSpec& tensor, std::span<const std::int64_t> shape,
            std::span<const std::int64_t> strides) {
  Wide last = static_cast<Wide>(tensor.offset);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    last += static_cast<Wide>(shape[i] - 1) * static_cast<Wide>(strides[i]);
    last = std::min(last, kTooMuch);
  }
  return last + 1;
}

std::string check_tensor(const Manifest& manifest, const TensorSpec& tensor) {
  const auto shape = manifest.shape(tensor);
  const auto strides = manifest.strides(tensor);
  const auto is_negative = [](std::int64_t value) { return value < 0; };
  if (shape.size() != tensor.rank) return "has another rank";
  if (strides.size() != (tensor.is_sparse() ? 0 : tensor.rank)) return "has other strides";
  if (std::any_of(shape.begin(), shape.end(), is_negative)) return "has a negative size";
  if (std::any_of(strides.begin(), strides.end(), is_negative)) return "has a negative stride";
  if (tensor.offset < 0) return "has a negative offset";
  const DtypeInfo& dtype = info(tensor.dtype);
  const Wide count = count_of(shape);
  if (static_cast<Wide>(tensor.numel) != count) return "has another number of elements";
  for (const std::uint32_t part : manifest.parts(tensor)) {
    if (part >= manifest.tensors().size()) return "has a part that is not there";
    const TensorSpec& data = manifest.tensors()[part];
    if (data.is_sparse() || data.is_quantized() || data.is_meta()) return "has a part of parts";
  }
  const bool is_packed = dtype.per_item != 1;
  if (!tensor.is_sparse() && !is_packed && manifest.nbytes(tensor) != count * dtype.item_bytes) {
    return "has another number of bytes";
  }
  if (tensor.requires_grad && !dtype.is_floating && !dtype.is_complex) return "has a gradient";
  if (tensor.is_conj && !dtype.is_complex) return "is conjugated, but not complex";
  if (tensor.storage == TensorSpec::kNoStorage) return "";
  if (tensor.storage >= manifest.storages().size()) return "has a storage that is not there";
  if (count == 0) return "";
  const std::uint64_t available = manifest.storages()[tensor.storage].bytes;
  if (is_packed) return manifest.nbytes(tensor) > available ? "leaves its storage" : "";
  if (end_of(tensor, shape, strides) * dtype.item_bytes > available) return "leaves its storage";
  return "";
}

std::string check_tensors(const Manifest& manifest) {
  for (std::size_t i = 0; i < manifest.tensors().size(); ++i) {
    const std::string problem = check_tensor(manifest, manifest.tensors()[i]);
    if (!problem.empty()) return concat("tensor ", i, " ", problem);
  }
  return "";
}

}  // namespace

std::string check_invariants(const ByteSource& source, const Manifest& manifest) {
  std::string problem = check_records(source, manifest);
  if (problem.empty()) problem = check_storages(manifest);
  if (problem.empty()) problem = check_tensors(manifest);
  if (problem.empty()) problem = check_numbers(manifest);
  if (problem.empty()) problem = check_names(manifest);
  return problem;
}

}  // namespace hardload::testing
