// ElementReader, for_each_block: the logical elements of a tensor, block by block.
//
//   HARDLOAD_ASSIGN(ElementReader reader, ElementReader::open(manifest, tensor, content.bytes()));
//   for (auto block = reader.next(1024); !block.empty(); block = reader.next(1024)) use(block);
//
// Elements come in row-major order, conjugated and negated as the tensor's bits say. A group of
// elements that share bytes counts as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "loader/base/result.h"
#include "loader/cli/element_transform.h"
#include "loader/manifest/manifest.h"

namespace hardload {

// Ownership: borrows the manifest's shapes and the storage. Threads: one at a time.
class ElementReader {
 public:
  // `storage` is all content of the tensor's storage, little-endian. Errors: kUnsupported for a neg
  // bit on a dtype that cannot be negated.
  static Result<ElementReader> open(const Manifest& manifest, const TensorSpec& tensor,
                                    std::span<const std::byte> storage);

  // The next elements, at most `most`, fewer only at the end; empty behind it. Valid until the next
  // call. Takes no more memory than they have bytes.
  std::span<const std::byte> next(std::uint64_t most);

 private:
  // A dimension, and where on it the next element is.
  struct Wheel {
    std::int64_t size, stride, index;
  };

  ElementReader() = default;
  void turn();

  ElementTransform transform_;
  std::size_t item_ = 1;
  std::uint64_t left_ = 0;              // elements
  std::span<const std::byte> storage_;  // where `contiguous_`, what is left of the elements
  bool contiguous_ = false;
  std::vector<Wheel> wheels_;  // of the last dimension first
  std::int64_t position_ = 0;
  std::vector<std::byte> block_;
};

// Hands all elements of `tensor` to `take`, in blocks of any size. Errors: those of open.
Result<void> for_each_block(const Manifest& manifest, const TensorSpec& tensor,
                            std::span<const std::byte> storage,
                            const std::function<void(std::span<const std::byte>)>& take);

}  // namespace hardload
