// matches_glob: a name against a pattern, as in a shell, but that dots and slashes are letters,
// too.
//
//   matches_glob("encoder.*.bias", "encoder.layers.0.bias")   // true
//
// Threads: any.
#pragma once

#include <string_view>

namespace hardload {

// Whether all of `text` is `pattern`, in which `*` stands for any bytes, none included, and `?` for
// one byte. Takes no longer than the product of both lengths.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace hardload
