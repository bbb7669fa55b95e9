#include "loader/cli/element_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "loader/cli/element_transform.h"
#include "loader/cli/odometer.h"
#include "loader/manifest/layout.h"

namespace hardload {
namespace {

using Take = std::function<Result<void>(std::span<const std::byte>)>;

// Reads the elements of one block, wherever they lie.
class Gatherer {
 public:
  Gatherer(StorageReader& reader, const TensorSpec& tensor)
      : reader_(reader), storage_(tensor.storage), item_(item_bytes(tensor.dtype)) {}

  void add(std::int64_t position) {
    wanted_.push_back(
        {static_cast<std::uint64_t>(position) * item_, static_cast<std::uint32_t>(wanted_.size())});
  }
  bool is_full() const { return wanted_.size() == kMostElements; }

  // The elements in the order in which they were added.
  Result<std::span<std::byte>> read() {
    const auto is_before = [](const Wanted& a, const Wanted& b) { return a.offset < b.offset; };
    if (!std::is_sorted(wanted_.begin(), wanted_.end(), is_before)) {
      std::sort(wanted_.begin(), wanted_.end(), is_before);
    }
    block_.resize(wanted_.size() * item_);
    for (std::size_t i = 0; i < wanted_.size();) {
      HARDLOAD_ASSIGN(i, read_run(i));
    }
    wanted_.clear();
    return std::span(block_);
  }

 private:
  static constexpr std::size_t kMostElements = std::size_t{1} << 20;
  static constexpr std::uint64_t kMostBytes = StorageReader::kWindow;
  static constexpr std::uint64_t kGap = 4096;  // that is cheaper to read than to skip

  struct Wanted {
    std::uint64_t offset;  // in the storage
    std::uint32_t place;   // in the block
  };

  // Reads elements that lie close together, from the one at `first` on; what comes after them.
  Result<std::size_t> read_run(std::size_t first) {
    const std::uint64_t begin = wanted_[first].offset;
    std::uint64_t end = begin + item_;
    std::size_t last = first + 1;
    for (; last < wanted_.size(); ++last) {
      const std::uint64_t offset = wanted_[last].offset;
      if (offset > end + kGap || offset + item_ > begin + kMostBytes) break;
      end = offset + item_;
    }
    run_.resize(end - begin);
    HARDLOAD_TRY(reader_.read(storage_, begin, run_));
    for (std::size_t i = first; i < last; ++i) {
      std::memcpy(block_.data() + wanted_[i].place * item_,
                  run_.data() + (wanted_[i].offset - begin), item_);
    }
    return last;
  }

  StorageReader& reader_;
  const std::uint32_t storage_;
  const std::size_t item_;
  std::vector<Wanted> wanted_;
  std::vector<std::byte> run_, block_;
};

Result<void> gather(StorageReader& reader, const TensorSpec& tensor,
                    const ElementTransform& transform, const Take& take) {
  const Manifest& manifest = reader.manifest();
  Gatherer gatherer(reader, tensor);
  const auto hand_over = [&]() -> Result<void> {
    HARDLOAD_ASSIGN(const std::span<std::byte> block, gatherer.read());
    transform.apply(block);
    return take(block);
  };
  Odometer odometer(manifest.shape(tensor), manifest.strides(tensor), tensor.offset);
  do {
    if (gatherer.is_full()) HARDLOAD_TRY(hand_over());
    gatherer.add(odometer.position());
  } while (odometer.advance());
  return hand_over();
}

}  // namespace

bool is_whole_storage(const Manifest& manifest, const TensorSpec& tensor) {
  return tensor.offset == 0 && !tensor.is_conj && !tensor.is_neg &&
         is_contiguous(manifest.shape(tensor), manifest.strides(tensor)) &&
         manifest.nbytes(tensor) == manifest.storages()[tensor.storage].bytes;
}

Result<void> stream_elements(StorageReader& reader, const TensorSpec& tensor, const Take& take) {
  const Manifest& manifest = reader.manifest();
  HARDLOAD_ASSIGN(const ElementTransform transform, ElementTransform::of(tensor));
  if (tensor.numel == 0) return {};
  if (is_whole_storage(manifest, tensor)) {
    return reader.for_each_window(tensor.storage,
                                  [&](std::span<std::byte> window) { return take(window); });
  }
  HARDLOAD_TRY(reader.verify(tensor.storage));
  if (!is_contiguous(manifest.shape(tensor), manifest.strides(tensor))) {
    return gather(reader, tensor, transform, take);
  }
  std::uint64_t offset = static_cast<std::uint64_t>(tensor.offset) * item_bytes(tensor.dtype);
  const std::uint64_t end = offset + manifest.nbytes(tensor);
  std::vector<std::byte> window(std::min<std::uint64_t>(StorageReader::kWindow, end - offset));
  while (offset < end) {
    const auto part = std::span(window).first(std::min<std::uint64_t>(window.size(), end - offset));
    HARDLOAD_TRY(reader.read(tensor.storage, offset, part));
    transform.apply(part);
    HARDLOAD_TRY(take(part));
    offset += part.size();
  }
  return {};
}

}  // namespace hardload
