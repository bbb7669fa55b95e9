// Property: an index of shards is read as nlohmann's JSON library reads it, or refused; and one of
// the right form, without repeated keys, is not refused.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz/check.h"
#include "loader/bytes/folder.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/json_cursor.h"
#include "loader/container/shard_index.h"

namespace {

using namespace hardload;
using Json = nlohmann::json;
using Entries = std::map<std::string, std::string>;

fuzz::Milestones<2> milestones({"JSON", "an index"});

bool is_json(std::string_view text) try {
  return !Json::parse(text).is_discarded();
} catch (const Json::out_of_range&) {
  return true;  // a number that is too large for that library
} catch (const Json::exception&) {
  return false;
}

// What a text of the right form says; nullopt for any other, and for what only that library takes
// (a byte order mark; a NUL, which ends a text there) or what may be refused (repeated keys,
// depth).
std::optional<Entries> expected_entries(std::string_view text) {
  std::vector<std::map<std::string, int>> keys;  // of the open objects
  bool is_plain = !text.starts_with("\xef\xbb\xbf") && text.find('\0') == text.npos;
  const auto look = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && ++keys.back()[value.get<std::string>()] > 1) {
      is_plain = false;
    }
    if (depth > static_cast<int>(JsonCursor::kMaxSkippedDepth)) is_plain = false;
    return true;
  };
  const Json json = Json::parse(text, look, /*allow_exceptions=*/false);
  if (json.is_discarded() || !is_plain || !json.is_object()) return std::nullopt;
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object() || map->empty()) return std::nullopt;
  Entries entries;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>())) return std::nullopt;
    entries[tensor] = file.get<std::string>();
  }
  return entries;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const MemorySource source(fuzz::as_bytes(data, size), "fuzz");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (is_json(text)) milestones.reach(0);
  const auto index = ShardIndex::read(source, {});
  const auto expected = expected_entries(text);
  if (!index.ok()) {
    // What does not show its weight_map to a search is no index.
    fuzz::check(!expected || text.find("\"weight_map\"") == text.npos, "a right index is read");
    fuzz::check(!index.error().advice().empty(), "an error gives advice");
    return 0;
  }
  milestones.reach(1);
  fuzz::check(is_json(text), "an index is JSON");
  Entries entries;
  for (const ShardIndex::Entry& entry : index->entries()) {
    fuzz::check(entry.file < index->files().size(), "an entry's file is there");
    const std::string_view file = index->files()[entry.file];
    fuzz::check(is_plain_name(file), "a file has a plain name");
    fuzz::check(index->find(entry.tensor) == &entry, "each tensor is found");
    fuzz::check(entries.emplace(entry.tensor, file).second, "each tensor is there once");
  }
  fuzz::check(!entries.empty(), "there is a tensor");
  fuzz::check(!expected || entries == *expected, "both libraries read the same");
  return 0;
}
