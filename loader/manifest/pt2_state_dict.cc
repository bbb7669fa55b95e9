#include "loader/manifest/pt2_state_dict.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "loader/manifest/state_dict_builder.h"

namespace hardload {

Result<Manifest> build_pt2(std::unique_ptr<const Pt2Archive> owned, const Limits& limits) {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  const Pt2Archive& archive = *owned;
  const auto records = archive.records();
  std::vector<std::uint32_t> storages(records.size(), kNone);  // of the records
  std::vector<std::string_view> locations(records.size());
  StateDictBuilder builder(std::move(owned), limits);
  for (const Pt2Weight& weight : archive.weights()) {
    const auto refuse = [&](ErrorKind kind, std::string problem) {
      return Error(kind, Stage::kManifest,
                   concat("at '", weight.name.substr(0, 500), "': ", std::move(problem)));
    };
    const std::string shown(weight.path_name.substr(0, 200));
    if (weight.path_name.find('/') != weight.path_name.npos) {
      return refuse(ErrorKind::kName, concat("the storage's name '", shown, "' is a path"));
    }
    const Record* record = archive.storage(weight.path_name);
    if (record == nullptr) {
      return refuse(ErrorKind::kStorage, concat("the archive has no record '", shown, "'"));
    }
    const auto number = static_cast<std::size_t>(record - records.data());
    if (storages[number] == kNone) {
      storages[number] = builder.add_storage({.key = weight.path_name,
                                              .location = weight.location,
                                              .dtype = Dtype::kUInt8,
                                              .bytes = record->bytes,
                                              .record = record});
      locations[number] = weight.location;
    } else if (locations[number] != weight.location) {
      return refuse(ErrorKind::kStorage,
                    concat("its storage '", shown, "' was on another device for another weight"));
    }
    HARDLOAD_TRY(builder.add_tensor(weight.name, storages[number], weight.dtype,
                                    archive.sizes(weight), archive.strides(weight), weight.offset,
                                    {weight.is_parameter, weight.requires_grad}));
  }
  return std::move(builder).finish();
}

}  // namespace hardload
