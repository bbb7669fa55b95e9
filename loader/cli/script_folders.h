// What a TorchScript archive holds beside the module's attributes, which is not looked into.
#pragma once

#include <cstdint>
#include <string_view>

#include "loader/container/container.h"

namespace hardload {

inline constexpr std::string_view kScriptFolders[] = {"code", "constants"};

// The records of a folder of the archive.
struct FolderSize {
  std::uint64_t files = 0, bytes = 0;
};
inline FolderSize size_of_folder(const Container& container, std::string_view folder) {
  FolderSize size;
  for (const Record& record : container.records()) {
    const std::string_view name = record.name.substr(record.name.find('/') + 1);
    if (!name.starts_with(folder) || name.substr(folder.size(), 1) != "/") continue;
    ++size.files;
    size.bytes += record.bytes;
  }
  return size;
}

}  // namespace hardload
