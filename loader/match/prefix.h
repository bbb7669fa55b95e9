// find_prefix: the text that one side's names have and the other's lack.
//
// DataParallel puts `module.` before every key, torch.compile `_orig_mod.`, Lightning `model.`;
// wrapping a part of a model puts such a name inside of keys (`encoder.module.weight`).
//
//   if (const auto found = find_prefix(report.missing_keys, report.unexpected_keys))
//     advise(found->remedy);
//
// Threads: functions of their arguments alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "loader/match/name_set.h"
#include "loader/match/rename.h"

namespace hardload {

struct PrefixFinding {
  enum class Side : std::uint8_t { kFile, kModel };
  Side side;         // whose names have it
  std::string text;  // "_orig_mod.module."
  // Empty where it is at the beginning of the keys; else one rename rule that makes the file's keys
  // fit: it is inside of them.
  std::optional<Rename> rename;
  std::size_t explained;  // how many of the missing names are there but for it
};

// The one that explains most, if it explains most of the names on the smaller side. Looks at a
// bounded number of parts of each key, and at as many keys as `work` allows.
std::optional<PrefixFinding> find_prefix(std::span<const std::string> missing,
                                         std::span<const std::string_view> unexpected, Work& work);

// The leading text of `keys`, which ends with a ".", without which most of them are in `names`;
// empty where there is none. Sets `hits` to their number.
std::string_view leading_prefix(std::span<const std::string_view> keys, const NameSet& names,
                                Work& work, std::size_t& hits);

}  // namespace hardload
