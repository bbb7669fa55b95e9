// find_near_names: missing and unexpected names that probably mean the same.
//
// Two ways to be near: a few letters differ (`fc.bais`), or one part of many keys was renamed
// (`fc.weight`, `fc.bias` -> `head.weight`, `head.bias`). Keys are brought together by all of their
// parts but one, so that not every pair has to be compared.
//
// Threads: functions of their arguments alone.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/match/name_set.h"
#include "loader/match/rename.h"

namespace hardload {

struct NearName {
  std::string missing;
  std::string unexpected;
};

struct NearNames {
  // Pairs that differ in a few letters, in the order of the missing names; kMostNearNames at most.
  std::vector<NearName> pairs;
  // The rule that turns most of the file's keys into missing names, and how many.
  std::optional<Rename> rename;
  std::size_t explained = 0;
};

constexpr std::size_t kMostNearNames = 20;

NearNames find_near_names(std::span<const std::string> missing,
                          std::span<const std::string_view> unexpected, Work& work);

}  // namespace hardload
