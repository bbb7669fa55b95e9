// Property: what is accepted of a `.metadata` and a file of slices covers each tensor once, is a
// tree, and keeps the invariants of a Manifest; every refusal gives advice.
//
// Input: the `.metadata`, the content of every file that it names, and in two bytes how long the
// first is.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/pickle_mutator.h"
#include "loader/bytes/memory_source.h"
#include "loader/manifest/chunk_grid.h"
#include "loader/manifest/distributed_metadata.h"
#include "loader/manifest/distributed_tree.h"
#include "loader/manifest/join_slices.h"
#include "tests/manifest/invariants.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace hardload;

fuzz::Milestones<3> milestones({"metadata", "chunks", "described"});

template <typename T>
bool accepted(const Result<T>& result) {
  if (result.ok()) return true;
  fuzz::check(!result.error().advice().empty(), "an error gives advice");
  return false;
}

// Each element of the tensor is in the one chunk that the grid says, and in no other.
void check_cover(const DistributedMetadata& metadata, const DistributedMetadata::Entry& entry,
                 const ChunkGrid& grid) {
  const auto shape = metadata.sizes(entry);
  std::vector<std::int64_t> at(shape.size(), 0);
  std::uint64_t elements = 1;
  for (const std::int64_t size : shape) {
    elements = size > 64 ? 65536 : elements * static_cast<std::uint64_t>(size);
    if (elements > 4096) return;
  }
  for (std::uint64_t element = 0; element < elements; ++element) {
    std::uint64_t rest = element;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      at[axis] = static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(shape[axis]));
      rest /= static_cast<std::uint64_t>(shape[axis]);
    }
    int holders = 0;
    for (const std::uint32_t chunk : grid.chunks) {
      const auto& box = metadata.chunks(entry)[chunk];
      bool is_inside = true;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const std::int64_t begin = metadata.offsets(entry, box)[axis];
        is_inside =
            is_inside && at[axis] >= begin && at[axis] < begin + metadata.sizes(entry, box)[axis];
      }
      holders += is_inside ? 1 : 0;
    }
    fuzz::check(holders == 1, "each element is in one chunk");
  }
}

void check_tree(const DistributedMetadata& metadata, const DistributedTree& tree) {
  std::size_t entries = 0;
  for (std::uint32_t i = 0; i < tree.nodes().size(); ++i) {
    const DistributedTree::Node& node = tree.nodes()[i];
    entries += node.kind == DistributedTree::Kind::kEntry ? 1 : 0;
    for (const std::uint32_t child : node.children) {
      if (child == DistributedTree::kNothing) continue;
      fuzz::check(child > i && child < tree.nodes().size(), "children come later");
      fuzz::check(tree.nodes()[child].parent == i, "children know their parent");
    }
  }
  fuzz::check(entries == metadata.entries().size(), "each entry is in the tree once");
}

// Of an input, how many bytes are the `.metadata`.
std::size_t metadata_bytes(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t said = data[size - 2] | static_cast<std::size_t>(data[size - 1]) << 8;
  return said < size - 2 ? said : size - 2;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  const std::size_t length = metadata_bytes(data, size);
  if (length == 0 || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes = fuzz::mutate_pickle_4(
      std::string(reinterpret_cast<const char*>(data), length), length + 64, random);
  const std::size_t changed = bytes.size();
  bytes.append(reinterpret_cast<const char*>(data) + length, size - 2 - length);
  for (const std::size_t part : {changed & 0xFF, changed >> 8}) bytes += static_cast<char>(part);
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  if (size < 2) return 0;
  const std::size_t length = metadata_bytes(data, size);
  const MemorySource source(fuzz::as_bytes(data, length), ".metadata");
  const auto metadata = DistributedMetadata::read(source, {}, Unlisted::kRefuse);
  if (!accepted(metadata)) return 0;
  milestones.reach(0);
  for (const DistributedMetadata::Entry& entry : metadata->entries()) {
    if (!entry.is_tensor) continue;
    const auto grid = ChunkGrid::arrange(*metadata, entry);
    if (!accepted(grid)) continue;
    if (grid->chunks.size() > 1) milestones.reach(1);
    check_cover(*metadata, entry, *grid);
  }
  const auto tree = DistributedTree::build(*metadata, {});
  if (accepted(tree)) check_tree(*metadata, *tree);
  const std::vector<std::shared_ptr<const ByteSource>> files(
      metadata->files().size(),
      std::make_shared<MemorySource>(fuzz::as_bytes(data + length, size - 2 - length), "file"));
  const auto described = join_slices(*metadata, "fuzz", files, {});
  if (!accepted(described)) return 0;
  milestones.reach(2);
  const std::string broken = testing::check_invariants(*described->source, described->manifest);
  fuzz::check(broken.empty(), broken.c_str());
  return 0;
}
