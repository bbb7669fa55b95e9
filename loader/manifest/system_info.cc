#include "loader/manifest/system_info.h"

#include <optional>
#include <string>
#include <string_view>

namespace hardload {
namespace {

constexpr std::string_view kName = "sys_info";

Error wrong(ErrorKind kind, std::string_view problem) {
  return Error(kind, Stage::kManifest, std::string(problem)).in_record(kName).at(0);
}

}  // namespace

Result<void> read_system_info(PickleStream& stream, std::int64_t version) {
  HARDLOAD_ASSIGN(const ValueGraph graph, stream.next(kName));
  const Value info(graph, graph.root);
  const auto stated = info.find("protocol_version");
  if (!stated || stated->as_int() != version) {
    return wrong(ErrorKind::kContainer, "the format's version stands in the file in two ways");
  }
  const auto order = info.find("little_endian");
  if (!order || !order->as_bool()) {
    return wrong(ErrorKind::kByteOrder, "the byte order is neither little nor big");
  }
  const auto sizes = info.find("type_sizes");
  const auto size = [&](std::string_view name) {
    const auto found = sizes ? sizes->find(name) : std::nullopt;
    return found ? found->as_int().value_or(0) : 0;
  };
  const std::int64_t of_long = size("long");
  if (size("short") != 2 || size("int") != 4 || (of_long != 4 && of_long != 8)) {
    return wrong(ErrorKind::kContainer, "the sizes of types are none that torch writes");
  }
  return {};
}

}  // namespace hardload
