#include "loader/pickle/unlisted.h"

#include <utility>

#include "loader/base/text.h"

namespace hardload {
namespace {

constexpr std::size_t kMostRemembered = 10'000;
constexpr std::size_t kMostShown = 20;

// Builtins that protocol 2 writes under their names in Python 2 (Lib/_compat_pickle.py).
constexpr std::pair<std::string_view, std::string_view> kRenamed[] = {
    {"xrange", "range"}, {"long", "int"},       {"unicode", "str"},
    {"unichr", "chr"},   {"basestring", "str"},
};

}  // namespace

void UnlistedNames::add(std::string_view module, std::string_view name) {
  if (names_.size() >= kMostRemembered) return;
  if (module == "__builtin__") module = "builtins";
  if (module == "copy_reg") module = "copyreg";
  if (module == "builtins") {
    for (const auto& [old_name, new_name] : kRenamed) {
      if (name == old_name) name = new_name;
    }
  }
  std::string full = concat(module, ".", name);
  if (names_.empty()) first_ = full;
  names_.insert(std::move(full));
}

Error UnlistedNames::error(bool root_is_object) const {
  std::string problem;
  if (root_is_object) {
    append(problem, "this is a whole pickled object (", first_, "), not a state dict, and ");
  }
  append(problem, "the file names what is not plain data: ");
  std::size_t shown = 0;
  for (const std::string& name : names_) {
    if (shown == kMostShown) {
      append(problem, " and ", names_.size() - kMostShown, " more");
      break;
    }
    append(problem, shown++ == 0 ? "" : ", ", name);
  }
  Error error(ErrorKind::kGlobal, Stage::kPickle, std::move(problem));
  return std::move(error).advise(
      "Save model.state_dict() instead of the model, and only tensors and plain values beside it; "
      "code that a file names is never run. Or keep these names as data (unlisted = kKeepAsData, "
      "inspect --unlisted keep) to get at the tensors beside them.");
}

}  // namespace hardload
