#include "loader/manifest/join_shards.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "loader/base/text.h"
#include "loader/manifest/sharded_container.h"
#include "loader/manifest/tensor_appender.h"

namespace hardload {
namespace {

constexpr std::string_view kOfTwoCheckpoints =
    "The index and its shards are not of one checkpoint: fetch all of them again.";

Error wrong_shard(std::string_view source, ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kManifest, std::move(problem)).in_source(source);
}

std::string quoted(std::string_view name) { return concat("'", name.substr(0, 500), "'"); }

}  // namespace

Result<void> check_shard(const ShardIndex& index, std::size_t number, const Manifest& shard,
                         std::string_view source) {
  const Value root = shard.root();
  if (!root.is_mapping()) {
    return wrong_shard(source, ErrorKind::kUnsupported, "this shard is no dict of tensors");
  }
  if (shard.container().following() != 0) {
    return wrong_shard(source, ErrorKind::kUnsupported,
                       "another checkpoint follows in the file of this shard");
  }
  for (std::size_t item = 0; item < root.size(); ++item) {
    const auto key = root.key(item).as_string();
    if (!key || root.item(item).kind() != ValueKind::kTensor) {
      return wrong_shard(source, ErrorKind::kUnsupported,
                         concat("this shard holds more than tensors with names: entry ", item,
                                " of its dict is none"));
    }
    const ShardIndex::Entry* entry = index.find(*key);
    if (entry == nullptr) {
      return wrong_shard(
                 source, ErrorKind::kKey,
                 concat("this shard holds ", quoted(*key), ", which the index does not list"))
          .advise(kOfTwoCheckpoints);
    }
    if (entry->file != number) {
      return wrong_shard(source, ErrorKind::kKey,
                         concat("this shard holds ", quoted(*key), ", which by the index is in ",
                                quoted(index.files()[entry->file])))
          .advise(kOfTwoCheckpoints);
    }
  }
  return {};
}

class ShardJoiner {
 public:
  ShardJoiner(const ShardIndex& index, std::vector<Manifest> shards, const JoinedSource& source)
      : index_(index), shards_(std::move(shards)), source_(source), manifest_(nullptr, {}) {}

  Result<Manifest> join() {
    HARDLOAD_TRY(check_names());
    HARDLOAD_TRY(make_container());
    HARDLOAD_TRY(make_text());
    reserve();
    for (std::size_t i = 0; i < shards_.size(); ++i) add(i);
    manifest_.graph_.containers.push_back({std::move(entries_)});
    manifest_.graph_.root = {ValueKind::kDict, 0, 0};
    return std::move(manifest_);
  }

 private:
  // That each shard is a dict of the tensors that the index lists, and of no others.
  Result<void> check_names() const {
    const auto entries = index_.entries();
    std::vector<bool> is_there(entries.size());
    std::uint64_t tensors = 0;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      HARDLOAD_TRY(check_shard(index_, i, shards_[i], source_.name_of(i)));
      tensors += shards_[i].tensors().size();
      const Value root = shards_[i].root();
      for (std::size_t item = 0; item < root.size(); ++item) {
        const ShardIndex::Entry* entry = index_.find(root.key(item).text());
        is_there[static_cast<std::size_t>(entry - entries.data())] = true;
      }
    }
    const auto absent = std::find(is_there.begin(), is_there.end(), false);
    if (absent != is_there.end()) {
      const auto& entry = entries[static_cast<std::size_t>(absent - is_there.begin())];
      return wrong_shard(source_.name_of(entry.file), ErrorKind::kKey,
                         concat("by the index this shard holds ", quoted(entry.tensor),
                                ", but it does not"))
          .advise(kOfTwoCheckpoints);
    }
    if (tensors < TensorSpec::kNoStorage) return {};
    return wrong_shard(source_.name_of(0), ErrorKind::kLimit,
                       "the shards hold more than 2^32 tensors");
  }

  Result<void> make_container() {
    std::vector<ShardedContainer::Shard> parts;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      parts.push_back(
          {std::string(index_.files()[i]), source_.begin(i), std::move(shards_[i].container_)});
    }
    HARDLOAD_ASSIGN(auto container, ShardedContainer::make(std::move(parts)));
    container_ = container.get();
    manifest_.container_ = std::move(container);
    return {};
  }

  // Room for the texts of the graph: names, keys and locations.
  Result<void> make_text() {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      const Value root = shards_[i].root();
      for (std::size_t item = 0; item < root.size(); ++item) bytes += root.key(item).text().size();
      for (const StorageSpec& storage : shards_[i].storages_) {
        bytes += index_.files()[i].size() + 1 + storage.key.size() + storage.location.size();
      }
    }
    HARDLOAD_ASSIGN(manifest_.graph_.text, Buffer::allocate(bytes));
    return {};
  }

  std::string_view keep(std::string_view text) {
    const auto room = manifest_.graph_.text.bytes().subspan(text_bytes_, text.size());
    if (!text.empty()) std::memcpy(room.data(), text.data(), text.size());
    text_bytes_ += text.size();
    return {reinterpret_cast<const char*>(room.data()), room.size()};
  }

  void reserve() {
    std::size_t tensors = 0, storages = 0, dims = 0;
    for (const Manifest& shard : shards_) {
      tensors += shard.tensors_.size();
      storages += shard.storages_.size();
      dims += shard.dims_.size();
    }
    manifest_.tensors_.reserve(tensors);
    manifest_.storages_.reserve(storages);
    manifest_.dims_.reserve(dims);
    const std::size_t names = index_.entries().size();
    manifest_.named_.reserve(names);
    manifest_.graph_.calls.reserve(names);
    manifest_.steps_.reserve(names + 1);
    manifest_.steps_.push_back({0, {}});
    entries_.reserve(2 * names);
  }

  void add(std::size_t number) {
    const Manifest& shard = shards_[number];
    const std::uint32_t first_tensor = TensorAppender::append(manifest_, shard);
    for (StorageSpec storage : shard.storages_) {
      storage.key = keep(concat(index_.files()[number], "/", storage.key));
      storage.location = keep(storage.location);
      storage.record = container_->joined(number, storage.record);
      manifest_.storages_.push_back(storage);
    }
    const Value root = shard.root();
    for (std::size_t item = 0; item < root.size(); ++item) {
      add_name(root.key(item).text(),
               first_tensor + static_cast<std::uint32_t>(root.item(item).number()));
    }
  }

  void add_name(std::string_view name, std::uint32_t tensor) {
    const auto length = static_cast<std::uint32_t>(name.size());
    const Slot key = {ValueKind::kString, length, text_bytes_};
    keep(name);
    manifest_.named_.push_back({tensor, static_cast<std::uint32_t>(manifest_.steps_.size()), length,
                                manifest_.names_.size()});
    manifest_.names_ += name;
    manifest_.steps_.push_back({0, key});
    ValueGraph::Call call;
    call.resolved = tensor;
    entries_.push_back(key);
    entries_.push_back({ValueKind::kTensor, 0, manifest_.graph_.calls.size()});
    manifest_.graph_.calls.push_back(call);
  }

  const ShardIndex& index_;
  std::vector<Manifest> shards_;
  const JoinedSource& source_;
  const ShardedContainer* container_ = nullptr;  // the manifest's
  Manifest manifest_;
  std::vector<Slot> entries_;     // of the root: keys and tensors by turns
  std::uint64_t text_bytes_ = 0;  // of the graph's text that are in use
};

Result<Manifest> join_shards(const ShardIndex& index, std::vector<Manifest> shards,
                             const JoinedSource& source) {
  return ShardJoiner(index, std::move(shards), source).join();
}

}  // namespace hardload
