// match_texts: which entries of one list stand against which of another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hardload {

// Positions in the two lists; nullopt where the other list has no such entry.
struct TextMatch {
  std::optional<std::uint32_t> a, b;
};

// Equal texts stand against each other; of a text that is there more than once, the first against
// the first, and so on. In the order of `a`, then those of `b` alone.
std::vector<TextMatch> match_texts(const std::vector<std::string>& a,
                                   const std::vector<std::string>& b);

}  // namespace hardload
