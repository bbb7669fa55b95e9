// host_storages: new memory of the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <c10/core/Storage.h>

#include "loader/base/result.h"

namespace hardload {

// A storage of each of these sizes, all of them in one Arena. They can be resized like any other.
// Errors: kOutOfMemory.
Result<std::vector<c10::Storage>> host_storages(std::span<const std::uint64_t> sizes);

// Whether it is a storage's own memory, of LibTorch or of host_storages, that another may take the
// place of: not somebody's buffer, a mapping, pinned or shared.
bool is_ordinary_memory(const c10::DataPtr& data);

// A storage over bytes of somebody else, whom `owner` keeps alive.
c10::Storage lend_storage(std::span<std::byte> bytes, std::shared_ptr<const void> owner);

// A storage without memory on the meta device.
c10::Storage meta_storage(std::uint64_t bytes);

}  // namespace hardload
