#include "loader/manifest/sharded_container.h"

#include "loader/base/text.h"

namespace hardload {

Result<std::unique_ptr<const ShardedContainer>> ShardedContainer::make(std::vector<Shard> shards) {
  std::unique_ptr<ShardedContainer> made(new ShardedContainer(std::move(shards)));
  const Container& first = made->first();
  for (const Shard& shard : made->shards_) {
    const Container& container = *shard.container;
    if (container.format() == first.format() && container.byte_order() == first.byte_order()) {
      continue;
    }
    const bool is_format = container.format() != first.format();
    return Error(ErrorKind::kUnsupported, Stage::kManifest,
                 concat("the shards are of several ", is_format ? "formats" : "byte orders", ": '",
                        made->shards_.front().file, "' and '", shard.file, "' differ"))
        .advise("Save the checkpoint again, all of it in one way.");
  }
  made->add_records();
  return std::unique_ptr<const ShardedContainer>(std::move(made));
}

void ShardedContainer::add_records() {
  std::size_t count = 0, bytes = 0;
  for (const Shard& shard : shards_) {
    files_.push_back({shard.file, shard.begin});
    for (const Record& record : shard.container->records()) {
      ++count;
      bytes += shard.file.size() + 1 + record.name.size();
    }
  }
  records_.reserve(count);
  names_.reserve(bytes);  // so that it stays where it is
  for (const Shard& shard : shards_) {
    first_record_.push_back(records_.size());
    for (Record record : shard.container->records()) {
      const std::size_t begin = names_.size();
      append(names_, shard.file, "/", record.name);
      record.name = std::string_view(names_).substr(begin);
      record.header_offset += shard.begin;
      record.data_offset += shard.begin;
      records_.push_back(record);
    }
  }
}

const Record* ShardedContainer::joined(std::size_t shard, const Record* record) const {
  if (record == nullptr) return nullptr;
  const Record* const first = shards_[shard].container->records().data();
  return &records_[first_record_[shard] + static_cast<std::size_t>(record - first)];
}

std::size_t ShardedContainer::storage_records() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) count += shard.container->storage_records();
  return count;
}

const Record* ShardedContainer::storage(std::string_view key, const Record*) const {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const std::string& file = shards_[i].file;
    if (key.starts_with(file) && key.substr(file.size()).starts_with('/')) {
      return joined(i, shards_[i].container->storage(key.substr(file.size() + 1)));
    }
  }
  return nullptr;
}

}  // namespace hardload
