#include "loader/container/record_name.h"

#include "loader/base/text.h"
#include "loader/base/utf8.h"

namespace hardload {
namespace {

// Why the name is unsafe; empty when it is fine.
std::string_view fault_in(std::string_view name) {
  if (name.empty()) return "is empty";
  if (!is_utf8(name, /*allow_surrogates=*/false)) return "is not UTF-8";
  if (name.find('\0') != name.npos) return "holds a NUL byte";
  if (name.find('\\') != name.npos) return "holds a backslash";
  for (std::size_t start = 0; start < name.size();) {
    const std::size_t slash = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, slash - start);
    if (part.empty()) return start == 0 ? "is absolute" : "has an empty part";
    if (part == "." || part == "..") return "has a relative part";
    start = slash + 1;
  }
  return {};
}

}  // namespace

Result<void> check_record_name(std::string_view name, std::uint64_t max_bytes,
                               std::uint64_t offset) {
  if (name.size() > max_bytes) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("a record name takes ", name.size(), " bytes, over max_record_name_bytes, ",
                        max_bytes))
        .at(offset);
  }
  const std::string_view fault = fault_in(name);
  if (fault.empty()) return {};
  return Error(ErrorKind::kName, Stage::kContainer, concat("the record's name ", fault))
      .in_record(name)
      .at(offset);
}

}  // namespace hardload
