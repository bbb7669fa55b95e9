// Property: what describe_input checks, of legacy streams. The mutator changes one of the five
// pickles as a pickle, or the bytes behind them.

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/describe_input.h"
#include "fuzz/pickle_mutator.h"
#include "loader/bytes/memory_source.h"
#include "loader/pickle/pickle_stream.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace hardload;

fuzz::Milestones<3> milestones({"past the pickles", "described", "with tensors"});

// The pickles that can be run, then the rest.
std::vector<std::string> take_apart(std::string_view bytes) {
  constexpr std::size_t kPickles = 5;
  const Limits limits;
  const MemorySource source(std::as_bytes(std::span(bytes)), "");
  PickleStream stream(source, 0, bytes.size(), limits);
  std::vector<std::string> parts;
  std::uint64_t begin = 0;
  while (parts.size() < kPickles && stream.next("", Unlisted::kKeepAsData).ok()) {
    parts.emplace_back(bytes.substr(begin, stream.position() - begin));
    begin = stream.position();
  }
  parts.emplace_back(bytes.substr(begin));
  return parts;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  auto parts = take_apart({reinterpret_cast<const char*>(data), size});
  // Of the parts, the object holds most of the meaning.
  constexpr std::size_t kObject = 3;
  const std::size_t which =
      random() % 2 == 0 ? std::min(kObject, parts.size() - 1) : random() % parts.size();
  if (random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string& part = parts[which];
  if (which + 1 < parts.size()) {
    part = fuzz::mutate_pickle(part, part.size() + 64, random);
  } else {
    const std::size_t before = part.size();
    part.resize(before + 64);
    part.resize(
        LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), before, part.size()));
  }
  std::string bytes;
  for (const std::string& one : parts) bytes += one;
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const fuzz::Described described = fuzz::describe_input(data, size);
  const auto& refused_by = described.refused_by;
  if (!refused_by || refused_by == Stage::kManifest) milestones.reach(0);
  if (!refused_by) milestones.reach(1);
  if (described.has_tensors) milestones.reach(2);
  return 0;
}
