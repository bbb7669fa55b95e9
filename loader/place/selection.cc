#include "loader/place/selection.h"

#include "loader/base/glob.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

void add_one(const Manifest& manifest, std::uint32_t number, Selection& selection) {
  const TensorSpec& tensor = manifest.tensors()[number];
  selection.tensors[number] = true;
  if (tensor.storage != TensorSpec::kNoStorage) selection.storages[tensor.storage] = true;
}

void add(const Manifest& manifest, std::uint32_t number, Selection& selection) {
  add_one(manifest, number, selection);
  for (const std::uint32_t part : manifest.parts(manifest.tensors()[number])) {
    add_one(manifest, part, selection);
  }
}

Selection all_or_nothing(const Manifest& manifest, bool all) {
  return {std::vector<bool>(manifest.tensors().size(), all),
          std::vector<bool>(manifest.storages().size(), all)};
}

}  // namespace

Result<Selection> select(const Manifest& manifest, std::span<const std::string> globs) {
  Selection selection = all_or_nothing(manifest, globs.empty());
  for (const std::string& glob : globs) {
    bool is_used = false;
    for (const NamedTensor& named : manifest.named_tensors()) {
      if (!matches_glob(glob, manifest.name(named))) continue;
      is_used = true;
      add(manifest, named.tensor, selection);
    }
    if (is_used) continue;
    return Error(ErrorKind::kKey, Stage::kPlace, concat("no tensor's name matches '", glob, "'"))
        .advise("`hardload inspect FILE` lists the names; * stands for any text.");
  }
  return selection;
}

Selection select(const Manifest& manifest, std::span<const std::uint32_t> tensors) {
  Selection selection = all_or_nothing(manifest, false);
  for (const std::uint32_t tensor : tensors) add(manifest, tensor, selection);
  return selection;
}

}  // namespace hardload
