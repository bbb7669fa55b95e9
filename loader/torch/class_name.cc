#include "loader/torch/class_name.h"

namespace hardload {

std::string python_class_name(std::string_view name) {
  // Template arguments may hold "::" themselves.
  name = name.substr(0, name.find('<'));
  if (const auto scope = name.rfind("::"); scope != name.npos) name.remove_prefix(scope + 2);
  constexpr std::string_view kImpl = "Impl";
  if (name.size() > kImpl.size() && name.ends_with(kImpl)) name.remove_suffix(kImpl.size());
  return std::string(name);
}

}  // namespace hardload
