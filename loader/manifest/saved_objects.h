// SavedObjects: the storages and tensors of torch 0.1, to which its pickle refers by numbers.
//
// Torch 0.1 wrote storages and tensors beside the pickle, each under a number; a persistent id of
// the pickle is such a number. All texts lie in the checkpoint's container.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/manifest/storage_id.h"
#include "loader/pickle/value.h"

namespace hardload {

struct SavedObjects {
  struct Tensor {
    std::uint32_t storage;  // among storages
    std::uint32_t rank;
    std::size_t dims;  // where in `dims` its sizes begin; strides follow
    std::int64_t offset;
  };
  struct Object {
    std::int64_t id;
    ValueKind kind;        // kTensor or kStorage
    std::uint32_t number;  // among tensors or storages
  };

  std::vector<StorageId> storages;
  std::vector<Tensor> tensors;
  std::vector<std::int64_t> dims;

  // Whether `object` is new: false where one has its id already.
  bool add(const Object& object) {
    const auto is_same = [&](std::uint32_t i) { return objects_[i].id == object.id; };
    const auto number = static_cast<std::uint32_t>(objects_.size());
    if (index_.insert(hash(object.id), number, is_same)) return false;
    objects_.push_back(object);
    return true;
  }
  const Object* find(std::int64_t id) const {
    const auto found = index_.find(hash(id), [&](std::uint32_t i) { return objects_[i].id == id; });
    return found ? &objects_[*found] : nullptr;
  }
  const Object* find(Slot number) const { return find(static_cast<std::int64_t>(number.payload)); }

 private:
  static std::uint64_t hash(std::int64_t id) {
    return seeded_hash({reinterpret_cast<const char*>(&id), sizeof id});
  }

  std::vector<Object> objects_;
  NameIndex index_;
};

}  // namespace hardload
