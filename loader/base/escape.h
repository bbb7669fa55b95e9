// escape_for_display: text from a file, made safe to show.
//
// A record name or a key is chosen by whoever made the file. Shown raw, it can move a terminal's
// cursor, change the order in which a line is read (bidi controls), or look empty. Everything of
// that kind comes out as \xNN or \u{NNNN}; printable text, ASCII or not, stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace hardload {

// Escapes C0 controls, DEL, C1 controls, bidi and zero-width characters, line and paragraph
// separators, surrogates, private-use and unassigned-plane characters, invalid UTF-8, and the
// backslash itself, so that the result reads back unambiguously.
std::string escape_for_display(std::string_view text);

}  // namespace hardload
