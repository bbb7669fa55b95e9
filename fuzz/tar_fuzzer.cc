// Property: what describe_input checks, of tars of torch 0.1. The mutator changes a member's
// content and writes the tar again, with the sizes and checksums that it has to have.

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/describe_input.h"
#include "fuzz/pickle_mutator.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/tar.h"
#include "tests/support/tar_builder.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace hardload;

fuzz::Milestones<3> milestones({"past the members", "described", "with tensors"});

std::vector<std::pair<std::string, std::string>> take_apart(std::string_view bytes) {
  const MemorySource source(std::as_bytes(std::span(bytes)), "");
  const auto archive = TarArchive::open(source);
  std::vector<std::pair<std::string, std::string>> members;
  if (!archive.ok()) return members;
  for (const Record& record : archive->members()) {
    members.emplace_back(record.name, bytes.substr(record.data_offset, record.bytes));
  }
  return members;
}

std::string mutated(std::string text) {
  const std::size_t size = text.size();
  text.resize(size + 64);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
  return text;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  auto members = take_apart({reinterpret_cast<const char*>(data), size});
  if (members.empty() || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  auto& [name, content] = members[random() % members.size()];
  const bool is_pickle = (name == "pickle" || name == "sys_info") && random() % 8 != 0;
  content =
      is_pickle ? fuzz::mutate_pickle(content, content.size() + 64, random) : mutated(content);
  testing::TarBuilder tar;
  for (const auto& [member, bytes] : members) tar.add(member, bytes);
  const std::string bytes = tar.build();
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const fuzz::Described described = fuzz::describe_input(data, size);
  const auto& refused_by = described.refused_by;
  if (!refused_by || refused_by >= Stage::kPickle) milestones.reach(0);
  if (!refused_by) milestones.reach(1);
  if (described.has_tensors) milestones.reach(2);
  return 0;
}
