#include "loader/manifest/distributed_container.h"

#include <algorithm>

#include "loader/base/text.h"

namespace hardload {

void DistributedContainer::add_file(std::string_view name, std::uint64_t begin) {
  files_.push_back({keep(name), begin});
}

std::size_t DistributedContainer::add(const Container& archive, std::string_view prefix,
                                      std::uint64_t begin, const Record* left_out) {
  const std::size_t first = records_.size();
  for (const Record& record : archive.records()) {
    if (&record == left_out) continue;
    Record added = record;
    added.name = keep(concat(prefix, "/", record.name));
    added.header_offset += begin;
    added.data_offset += begin;
    records_.push_back(added);
  }
  storage_records_ += archive.storage_records() - (left_out == nullptr ? 0 : 1);
  return first;
}

std::size_t DistributedContainer::add_gathered(std::string_view name, std::uint64_t bytes,
                                               std::uint32_t crc32) {
  records_.push_back({.name = keep(concat("/", name)),
                      .header_offset = 0,
                      .data_offset = 0,
                      .stored_bytes = bytes,
                      .bytes = bytes,
                      .crc32 = crc32,
                      .flags = 0,
                      .compression = Compression::kStored});
  ++storage_records_;
  return records_.size() - 1;
}

void DistributedContainer::place(std::size_t record, std::uint64_t begin) {
  records_[record].header_offset = begin;
  records_[record].data_offset = begin;
}

const Record* DistributedContainer::storage(std::string_view key, const Record*) const {
  const auto found = std::find_if(records_.begin(), records_.end(),
                                  [&](const Record& record) { return record.name == key; });
  return found == records_.end() ? nullptr : &*found;
}

}  // namespace hardload
