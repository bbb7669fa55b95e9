// read_tree: any text as an object that a program might give to save().
//
// A line is an object; numbers that name objects count lines back, from 1, and wrap around.
//   n, b 1, i -7, f BITS, c BITS BITS        None, bool, int, float, complex
//   I BYTES, s TEXT, y BYTES, Y BYTES        a huge int, str, bytes, bytearray
//   l 2 1, t 2 1, e 2 1, z 3 4               list, tuple, set, torch.Size
//   d 2 1, o 2 1, C 2 1                      dict, OrderedDict, Counter: keys and values by turns
//   T NAME, q NAME, L NAME, g MODULE NAME    dtype, qscheme, layout, class
//   D TYPE 1                                 device
//   v 1 DTYPE FLAGS OFFSET SIZE STRIDE...    a tensor that views the memory; g requires a gradient,
//                                            p parameter, c conjugated, n negated, m on meta, k
//                                            quantized per channel
//   u 1, u 1 DTYPE                           the storage itself, untyped or typed
//   S LAYOUT ROWS COLUMNS                    a sparse tensor: coo, uncoalesced, csr, csc
// Lines that are no objects:
//   m 24                                     memory of so many bytes, counted apart from objects
//   + 3 2 1                                  the third gets an item, or a key and value
//   a 2 1                                    the OrderedDict gets attributes
//   x 1                                      it is let go, wherever else it is referred to
#pragma once

#include <string_view>

#include "loader/torch/tree.h"

namespace hardload::fuzz {

// All the objects of `text` in a list, or the only one. Lines that make no sense are left out.
Tree read_tree(std::string_view text);

}  // namespace hardload::fuzz
