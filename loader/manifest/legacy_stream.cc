#include "loader/manifest/legacy_stream.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/hash.h"
#include "loader/base/name_index.h"
#include "loader/base/text.h"
#include "loader/container/raw_storages.h"
#include "loader/manifest/storage_id.h"
#include "loader/manifest/system_info.h"
#include "loader/pickle/pickle_stream.h"

namespace hardload {
namespace {

using std::string_view_literals::operator""sv;

// 0x1950a86a20f9469cfc6c, and the pickle of it that a stream begins with.
constexpr std::string_view kMagicNumber = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
constexpr std::string_view kBeginning =
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;
constexpr std::int64_t kVersion = 1001;

// The storages that the object refers to, each once, in the order of first use.
class References {
  auto is(std::string_view key) const {
    return [this, key](std::uint32_t i) { return ids_[i].key == key; };
  }

 public:
  // Of the calls of a state dict, every second one is a storage.
  explicit References(const ValueGraph& graph) : graph_(graph), index_(graph.calls.size() / 2) {
    ids_.reserve(graph.calls.size() / 2);
  }

  Result<void> read() {
    for (const ValueGraph::Call& call : graph_.calls) {
      if (!call.is_storage()) continue;
      HARDLOAD_ASSIGN(const StorageId id,
                      read_storage_id(graph_, call.arguments, Format::kLegacyStream));
      // Tensors of one storage mostly stand behind each other.
      if (!ids_.empty() && ids_.back().key == id.key) continue;
      const auto next = static_cast<std::uint32_t>(ids_.size());
      if (!index_.insert(seeded_hash(id.key), next, is(id.key))) ids_.push_back(id);
    }
    is_listed_.resize(ids_.size());
    return {};
  }

  std::size_t size() const { return ids_.size(); }

  // The storage of this key, which is on the list now. kStorage where there is none, or it was.
  Result<const StorageId*> list(std::string_view key) {
    // Keys are addresses in memory, whose order is mostly that of first use.
    std::optional<std::uint32_t> found = next_;
    if (next_ >= ids_.size() || ids_[next_].key != key) {
      found = index_.find(seeded_hash(key), is(key));
    }
    if (!found) return wrong(key, "it is on the list of keys, but nothing refers to it");
    if (is_listed_[*found]) return wrong(key, "it is on the list of keys twice");
    is_listed_[*found] = true;
    next_ = *found + 1;
    return &ids_[*found];
  }

  Result<void> check_all_listed() const {
    const auto absent = std::find(is_listed_.begin(), is_listed_.end(), false);
    if (absent == is_listed_.end()) return {};
    return wrong(ids_[static_cast<std::size_t>(absent - is_listed_.begin())].key,
                 "it is not on the list of keys");
  }

 private:
  static Error wrong(std::string_view key, std::string_view problem) {
    return Error(ErrorKind::kStorage, Stage::kManifest,
                 concat("storage '", key.substr(0, 256), "': ", problem));
  }
  const ValueGraph& graph_;
  std::vector<StorageId> ids_;
  std::vector<bool> is_listed_;
  NameIndex index_;
  std::uint32_t next_ = 0;  // behind the one that was listed last
};

Result<void> read_head(PickleStream& stream) {
  HARDLOAD_ASSIGN(const ValueGraph magic, stream.next("magic_number"));
  const auto number = Value(magic, magic.root).bytes();
  const std::string_view text(reinterpret_cast<const char*>(number.data()), number.size());
  if (magic.root.kind != ValueKind::kBigInt || text != kMagicNumber) {
    return Error(ErrorKind::kContainer, Stage::kManifest, "the stream has another magic number")
        .in_record("magic_number")
        .at(0);
  }
  HARDLOAD_ASSIGN(const ValueGraph protocol, stream.next("protocol_version"));
  const auto version = Value(protocol, protocol.root).as_int();
  if (version != kVersion) {
    return Error(
               ErrorKind::kUnsupported, Stage::kManifest,
               concat("the stream's version is ", version ? std::to_string(*version) : "no number",
                      "; ", kVersion, " is known"))
        .in_record("protocol_version")
        .at(0);
  }
  return read_system_info(stream, kVersion);
}

}  // namespace

Result<LegacyStream> read_legacy_stream(const ByteSource& source, const Limits& limits,
                                        Unlisted unlisted) {
  PickleStream stream(source, 0, source.size(), limits);
  HARDLOAD_TRY(read_head(stream));
  HARDLOAD_ASSIGN(ValueGraph graph, stream.next("object", unlisted));
  References references(graph);
  HARDLOAD_TRY(references.read());

  HARDLOAD_ASSIGN(const ValueGraph keys, stream.next("storage_keys"));
  const auto list =
      keys.root.kind == ValueKind::kList ? keys.items_of(keys.root) : std::span<const Slot>();
  if (keys.root.kind != ValueKind::kList) {
    return Error(ErrorKind::kContainer, Stage::kManifest, "the keys of storages are no list")
        .in_record("storage_keys")
        .at(0);
  }
  // Of more keys than there are references, one is refused.
  auto storages = std::make_unique<RawStorages>(Format::kLegacyStream, kVersion,
                                                std::min(list.size(), references.size()));
  for (const Slot& key : list) {
    if (key.kind != ValueKind::kString) {
      return Error(ErrorKind::kContainer, Stage::kManifest, "the key of a storage is no text")
          .in_record("storage_keys")
          .at(0);
    }
    HARDLOAD_ASSIGN(const StorageId* const id, references.list(keys.text_of(key)));
    const std::uint64_t offset = stream.position();
    HARDLOAD_ASSIGN(const auto count, stream.take(RawStorages::kCountBytes));
    HARDLOAD_ASSIGN(const std::uint64_t end,
                    storages->add({id->key, item_bytes(id->dtype), id->numel}, count, offset,
                                  source.size(), limits));
    stream.skip(end - stream.position());
  }
  HARDLOAD_TRY(references.check_all_listed());

  const std::uint64_t behind = stream.position(), following = stream.remaining();
  if (following != 0) {
    HARDLOAD_ASSIGN(const auto next, stream.take(static_cast<std::size_t>(
                                         std::min<std::uint64_t>(following, kBeginning.size()))));
    if (!std::equal(next.begin(), next.end(), kBeginning.begin(), kBeginning.end(),
                    [](std::byte a, char b) { return a == static_cast<std::byte>(b); })) {
      return Error(ErrorKind::kContainer, Stage::kManifest,
                   concat(following, " bytes that are no other checkpoint follow the last storage"))
          .at(behind);
    }
    storages->set_following(following);
  }
  return LegacyStream{std::move(storages), std::move(graph)};
}

}  // namespace hardload
