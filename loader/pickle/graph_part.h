// GraphPart: a graph of values, as a part of a larger one.
//
//   std::string text;                        // of the larger one, until it is whole
//   const GraphPart part(whole, text, graph, {first_tensor, first_storage});
//   entries.push_back(part.moved(graph.root));
//
// All values of the part are in the larger one from then on, whether they are used or not.
#pragma once

#include <cstdint>
#include <string>

#include "loader/pickle/value.h"

namespace hardload {

class GraphPart {
 public:
  // Added to the numbers of the part's tensors and storages, which are resolved.
  struct Numbers {
    std::int64_t tensors, storages;
  };

  // Copies `part` to the end of `whole`, and its text to the end of `text`.
  GraphPart(ValueGraph& whole, std::string& text, const ValueGraph& part, Numbers numbers);

  // The same value of the part, in the larger graph.
  Slot moved(Slot slot) const;

 private:
  std::uint64_t text_, bytes_, items_, containers_, calls_, classes_;  // where the part's begin
};

}  // namespace hardload
