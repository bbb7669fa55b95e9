// columns_of, padded, shortened: text of a known width on a terminal.
//
// All take text that is safe to show (escape_for_display). Threads: functions of their arguments
// alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hardload {

// How many columns a terminal takes for `text`: two for a character of East Asian scripts or an
// emoji, one for any other.
std::size_t columns_of(std::string_view text);

// With spaces at its end (or its beginning) up to `width` columns.
std::string padded(std::string text, std::size_t width);
std::string padded_left(std::string text, std::size_t width);

// At most `width` columns, of which there are 5 at least: what is too much is left out in the
// middle, where "..." stands. The end of a name tells most.
std::string shortened(std::string_view text, std::size_t width);

}  // namespace hardload
