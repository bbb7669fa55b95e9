// UnlistedNames: the names in a pickle that are not in the table of globals.
//
// They are gathered to the end, so that one error tells the user all of them.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "loader/base/error.h"

namespace hardload {

class UnlistedNames {
 public:
  // Remembers "module.name", with Python 2's module names as Python 3 has them.
  void add(std::string_view module, std::string_view name);
  bool empty() const { return names_.empty(); }

  // kGlobal, naming all of them. `root_is_object`: the whole file is one object of such a class.
  Error error(bool root_is_object) const;

 private:
  std::set<std::string> names_;
  std::string first_;
};

}  // namespace hardload
