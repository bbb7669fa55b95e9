#include "loader/container/shard_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "loader/base/hash.h"
#include "loader/base/text.h"
#include "loader/bytes/folder.h"
#include "loader/container/identify.h"
#include "loader/container/json_cursor.h"

namespace hardload {

class ShardIndex::Parser {
 public:
  Parser(ShardIndex& index, const Limits& limits)
      : index_(index),
        json_({reinterpret_cast<char*>(index.text_.bytes().data()), index.text_.size()}, 0),
        limits_(limits) {}

  Result<void> parse() {
    bool has_map = false, has_metadata = false;
    HARDLOAD_TRY(json_.enter_object());
    for (;;) {
      HARDLOAD_ASSIGN(const auto key, json_.next_key());
      if (!key) break;
      if (*key == "weight_map") {
        if (std::exchange(has_map, true)) return wrong("the index has weight_map twice");
        HARDLOAD_TRY(parse_map());
      } else if (*key == "metadata") {
        if (std::exchange(has_metadata, true)) return wrong("the index has metadata twice");
        HARDLOAD_TRY(parse_metadata());
      } else {
        HARDLOAD_TRY(json_.skip_value());
      }
    }
    HARDLOAD_TRY(json_.finish());
    if (index_.entries_.empty()) return wrong("the index names no tensor");
    return {};
  }

 private:
  Error wrong(std::string problem, ErrorKind kind = ErrorKind::kContainer) const {
    return Error(kind, Stage::kContainer, std::move(problem)).at(json_.position());
  }

  Result<void> parse_map() {
    HARDLOAD_TRY(json_.enter_object());
    for (;;) {
      HARDLOAD_ASSIGN(const auto tensor, json_.next_key());
      if (!tensor) return {};
      const auto is_same = [&](std::uint32_t i) { return index_.entries_[i].tensor == *tensor; };
      const auto position = static_cast<std::uint32_t>(index_.entries_.size());
      if (position >= limits_.max_records) {
        return wrong(concat("the index names more tensors than max_records, ", limits_.max_records),
                     ErrorKind::kLimit);
      }
      if (index_.by_name_.insert(seeded_hash(*tensor), position, is_same)) {
        return wrong(concat("the index has the tensor '", tensor->substr(0, 500), "' twice"));
      }
      HARDLOAD_ASSIGN(const std::string_view name, json_.string());
      HARDLOAD_ASSIGN(const std::uint32_t file, file_of(name));
      index_.entries_.push_back({*tensor, file});
    }
  }

  // The number of the file, which is added where it is new.
  Result<std::uint32_t> file_of(std::string_view name) {
    auto& files = index_.files_;
    const auto is_same = [&](std::uint32_t i) { return files[i] == name; };
    const auto position = static_cast<std::uint32_t>(files.size());
    if (const auto known = by_file_.insert(seeded_hash(name), position, is_same)) return *known;
    if (!is_plain_name(name)) {
      return wrong(concat("the shard '", name.substr(0, 500),
                          "' is no plain name of a file in the folder of the index"),
                   ErrorKind::kName)
          .advise("The index is crafted, or made for another place: do not use it.");
    }
    if (position >= limits_.max_shards) {
      return wrong(concat("the index names more files than max_shards, ", limits_.max_shards),
                   ErrorKind::kLimit);
    }
    files.push_back(name);
    return position;
  }

  // Anything; of an object the first total_size counts.
  Result<void> parse_metadata() {
    if (!json_.is_object_next()) {
      HARDLOAD_TRY(json_.skip_value());
      return {};
    }
    HARDLOAD_TRY(json_.enter_object());
    for (;;) {
      HARDLOAD_ASSIGN(const auto key, json_.next_key());
      if (!key) return {};
      const bool is_size = *key == "total_size" && index_.total_size_.empty();
      HARDLOAD_ASSIGN(const std::string_view value, json_.skip_value());
      if (is_size) index_.total_size_ = value;
    }
  }

  ShardIndex& index_;
  JsonCursor json_;
  const Limits& limits_;
  NameIndex by_file_;
};

Result<ShardIndex> ShardIndex::parse(Buffer text, const Limits& limits) {
  ShardIndex index;
  index.text_ = std::move(text);
  HARDLOAD_TRY(Parser(index, limits).parse());
  return index;
}

Result<ShardIndex> ShardIndex::read(const ByteSource& source, const Limits& limits) {
  const std::uint64_t most =
      std::min({kMaxBytes, limits.max_directory_bytes, limits.expanded(source.allocated_bytes())});
  if (source.size() > most) {
    return Error(ErrorKind::kLimit, Stage::kContainer,
                 concat("this JSON text has ", source.size(), " bytes, over the limit of ", most))
        .at(0);
  }
  HARDLOAD_ASSIGN(Buffer text, Buffer::read(source, 0, source.size()));
  if (text.text().find("\"weight_map\"") == std::string_view::npos) {
    return explain_kind(source, FileKind::kJson);
  }
  return parse(std::move(text), limits);
}

const ShardIndex::Entry* ShardIndex::find(std::string_view tensor) const {
  const auto is_same = [&](std::uint32_t i) { return entries_[i].tensor == tensor; };
  const auto found = by_name_.find(seeded_hash(tensor), is_same);
  return found ? &entries_[*found] : nullptr;
}

}  // namespace hardload
