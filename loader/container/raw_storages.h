// RawStorages: the records of a checkpoint before torch 1.6, as they are found one by one.
//
// A storage there is the number of its elements, eight bytes, and then the elements, both
// little-endian on every machine (torch/csrc/serialization.cpp: readFileRaw, writeFileRaw). Nothing
// lies between storages, and nothing holds a checksum.
//
//   RawStorages storages(Format::kLegacyStream, 1001);
//   HARDLOAD_ASSIGN(const std::uint64_t end,
//                   storages.add({"94512", 4, 1000}, count_field, offset, file_size, limits));
//
//   HARDLOAD_TRY(storages.make_index());
//
// Ownership and threads: as any Container; one thread while records are added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/limits.h"
#include "loader/base/name_index.h"
#include "loader/base/result.h"
#include "loader/bytes/huge_pages.h"
#include "loader/container/container.h"

namespace hardload {

class RawStorages : public Container {
 public:
  RawStorages(Format format, std::optional<std::uint32_t> version, std::size_t expected = 0)
      : format_(format), version_(version) {
    reserve_huge(records_, expected);
  }

  // Bytes in front of the elements: their number.
  static constexpr std::size_t kCountBytes = 8;

  struct Declared {
    std::string_view key;
    std::uint64_t item_bytes;
    std::optional<std::uint64_t> numel;  // where something else says it, too
  };

  // Adds the storage whose number of elements, `count`, is at `offset`; the rest lies behind it,
  // before `end`. Returns where it ends. Invalidates records() and storage() of before. Errors:
  // kStorage for a count that is negative or not the declared one; kBounds where the elements run
  // past `end`; kLimit over Limits::max_records.
  Result<std::uint64_t> add(const Declared& declared, std::span<const std::byte> count,
                            std::uint64_t offset, std::uint64_t end, const Limits& limits);
  // When all are added: lets storage() find them. Errors: kStorage for a key that was added twice.
  Result<void> make_index();
  // A copy of `text` that lives as long as the container.
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }
  void set_following(std::uint64_t bytes) { following_ = bytes; }

  Format format() const override { return format_; }
  std::optional<std::uint32_t> version() const override { return version_; }
  ByteOrder byte_order() const override { return ByteOrder::kLittle; }
  std::span<const Record> records() const override { return records_; }
  std::size_t storage_records() const override { return records_.size(); }
  const Record* storage(std::string_view key, const Record* previous = nullptr) const override;
  std::uint64_t following() const override { return following_; }

 private:
  Format format_;
  std::optional<std::uint32_t> version_;
  std::uint64_t following_ = 0;
  std::deque<std::string> texts_;  // they stay where they are
  std::vector<Record> records_;
  NameIndex by_name_;
};

}  // namespace hardload
