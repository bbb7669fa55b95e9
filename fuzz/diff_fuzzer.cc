// Property: a file is the same as itself, and whether two files differ is the same from either
// side.
//
// An input is two files, and in its last two bytes the length of the first, little-endian. Where
// that is 0 or too much, the whole input is both.

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/cli/diff.h"
#include "loader/cli/diff_json.h"
#include "loader/cli/diff_text.h"
#include "loader/manifest/describe.h"

namespace {

using namespace hardload;
using Bytes = std::span<const std::byte>;

fuzz::Milestones<4> milestones({"one described", "both described", "compared", "same"});

std::pair<Bytes, Bytes> split(Bytes input) {
  if (input.size() < 2) return {input, input};
  const Bytes files = input.first(input.size() - 2);
  const std::size_t first = std::to_integer<std::size_t>(input[files.size()]) +
                            256 * std::to_integer<std::size_t>(input[files.size() + 1]);
  if (first == 0 || first >= files.size()) return {input, input};
  return {files.first(first), files.subspan(first)};
}

// nullopt where they cannot be compared.
std::optional<bool> are_same(const DiffSide& a, const DiffSide& b, const DiffOptions& options) {
  const auto found = diff(a, b, options);
  if (!found.ok()) return std::nullopt;
  std::string text;
  const auto append = [&](std::string_view part) { text += part; };
  write_diff_text(a, b, *found, append);
  fuzz::check(text.find(found->is_same() ? "\nsame: " : "\ndifferent: ") != text.npos,
              "the text says whether they differ");
  write_diff_json(a, b, options, *found, append);
  return found->is_same();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  const auto [a, b] = split(fuzz::as_bytes(data, size));
  std::vector<std::byte> files[2] = {{a.begin(), a.end()}, {b.begin(), b.end()}};
  std::vector<std::byte>&changed = files[seed % 2], &other = files[1 - seed % 2];
  if (other.size() + 3 > max_size) return fuzz::mutate_archive(data, size, max_size, seed);
  const std::size_t room = std::min(max_size - other.size() - 2, std::size_t{0xFFFF});
  const std::size_t old = std::min(changed.size(), room);
  changed.resize(room);
  changed.resize(
      fuzz::mutate_archive(reinterpret_cast<std::uint8_t*>(changed.data()), old, room, seed / 2));
  const std::size_t first = files[0].size();
  if (first > 0xFFFF) return fuzz::mutate_archive(data, size, max_size, seed);
  for (const auto& file : files) {
    if (!file.empty()) std::memcpy(data, file.data(), file.size());
    data += file.size();
  }
  data[0] = static_cast<std::uint8_t>(first);
  data[1] = static_cast<std::uint8_t>(first >> 8);
  return files[0].size() + files[1].size() + 2;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Limits limits{.walk_slack_bytes = 1 << 20, .expansion_slack_bytes = 1 << 20};
  const auto [a, b] = split(fuzz::as_bytes(data, size));
  const MemorySource source_a(a, "a"), source_b(b, "b");
  const DescribeOptions options{.limits = limits, .unlisted = Unlisted::kKeepAsData};
  const auto manifest_a = describe(source_a, options);
  const auto manifest_b = describe(source_b, options);
  if (!manifest_a.ok()) return 0;
  milestones.reach(0);
  const DiffSide side_a{source_a, *manifest_a};
  fuzz::check(are_same(side_a, side_a, {limits, std::nullopt}).value_or(true),
              "a file is the same as itself");
  fuzz::check(are_same(side_a, side_a, {limits, Tolerance{}}).value_or(true),
              "a file is the same as itself, as numbers");
  if (!manifest_b.ok()) return 0;
  milestones.reach(1);
  const DiffSide side_b{source_b, *manifest_b};
  const auto there = are_same(side_a, side_b, {limits, std::nullopt});
  const auto back = are_same(side_b, side_a, {limits, std::nullopt});
  if (!there || !back) return 0;
  milestones.reach(2);
  if (*there) milestones.reach(3);
  fuzz::check(*there == *back, "what differs differs from either side");
  return 0;
}
