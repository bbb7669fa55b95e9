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

// The list of the storages' keys, which is the order of the storages in the stream, and what the
// object says of each.
class StorageList {
 public:
  // Of a list of texts, which lie in the graph of the list. Errors: kStorage for one that is there
  // twice.
  static Result<StorageList> make(std::vector<std::string_view> keys) {
    StorageList list(std::move(keys));
    const auto& made = list.keys_;
    const auto repeated = list.index_.insert_all(
        static_cast<std::uint32_t>(made.size()),
        [&](std::uint32_t i) { return seeded_hash(made[i]); },
        [&](std::uint32_t i, std::uint32_t j) { return made[i] == made[j]; });
    if (repeated) return wrong(made[repeated->first], "it is on the list of keys twice");
    return list;
  }

  // Takes what the references say; of several to one storage the first.
  Result<void> read_references(const ValueGraph& graph) {
    std::uint32_t next = 0;  // references mostly have the order of the list
    for (const ValueGraph::Call& call : graph.calls) {
      if (!call.is_storage()) continue;
      HARDLOAD_ASSIGN(const StorageId id,
                      read_storage_id(graph, call.arguments, Format::kLegacyStream));
      const auto number = find(id.key, next);
      if (!number) return wrong(id.key, "it is not on the list of keys");
      Declared& declared = declared_[*number];
      if (declared.item_bytes == 0) declared = {item_bytes(id.dtype), id.numel};
      next = *number + 1;
    }
    return {};
  }

  std::size_t size() const { return keys_.size(); }

  Result<RawStorages::Declared> at(std::size_t i) const {
    if (declared_[i].item_bytes == 0) {
      return wrong(keys_[i], "it is on the list of keys, but nothing refers to it");
    }
    return RawStorages::Declared{keys_[i], declared_[i].item_bytes, declared_[i].numel};
  }

 private:
  struct Declared {
    std::uint64_t item_bytes = 0;  // 0 where nothing refers to it
    std::uint64_t numel = 0;
  };

  explicit StorageList(std::vector<std::string_view> keys)
      : keys_(std::move(keys)), declared_(keys_.size()), index_(keys_.size()) {}

  static Error wrong(std::string_view key, std::string_view problem) {
    return Error(ErrorKind::kStorage, Stage::kManifest,
                 concat("storage '", key.substr(0, 256), "': ", problem));
  }

  // The number of this key, which is likely to be `next` or the one before it.
  std::optional<std::uint32_t> find(std::string_view key, std::uint32_t next) const {
    if (next < keys_.size() && keys_[next] == key) return next;
    if (next > 0 && keys_[next - 1] == key) return next - 1;
    return index_.find(seeded_hash(key), [&](std::uint32_t i) { return keys_[i] == key; });
  }

  std::vector<std::string_view> keys_;
  std::vector<Declared> declared_;
  NameIndex index_;
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

Result<std::vector<std::string_view>> read_keys(const ValueGraph& graph) {
  const auto wrong = [](std::string_view problem) {
    return Error(ErrorKind::kContainer, Stage::kManifest, std::string(problem))
        .in_record("storage_keys")
        .at(0);
  };
  if (graph.root.kind != ValueKind::kList) return wrong("the keys of storages are no list");
  const auto items = graph.items_of(graph.root);
  std::vector<std::string_view> keys;
  keys.reserve(items.size());
  for (const Slot& key : items) {
    if (key.kind != ValueKind::kString) return wrong("the key of a storage is no text");
    keys.push_back(graph.text_of(key));
  }
  return keys;
}

}  // namespace

Result<LegacyStream> read_legacy_stream(const ByteSource& source, const Limits& limits,
                                        Unlisted unlisted) {
  PickleStream stream(source, 0, source.size(), limits);
  HARDLOAD_TRY(read_head(stream));
  HARDLOAD_ASSIGN(ValueGraph graph, stream.next("object", unlisted));

  HARDLOAD_ASSIGN(const ValueGraph keys, stream.next("storage_keys"));
  HARDLOAD_ASSIGN(std::vector<std::string_view> texts, read_keys(keys));
  HARDLOAD_ASSIGN(StorageList list, StorageList::make(std::move(texts)));
  HARDLOAD_TRY(list.read_references(graph));
  auto storages = std::make_unique<RawStorages>(Format::kLegacyStream, kVersion, list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    HARDLOAD_ASSIGN(const RawStorages::Declared declared, list.at(i));
    const std::uint64_t offset = stream.position();
    HARDLOAD_ASSIGN(const auto count, stream.take(RawStorages::kCountBytes));
    HARDLOAD_ASSIGN(const std::uint64_t end,
                    storages->add(declared, count, offset, source.size(), limits));
    stream.skip(end - stream.position());
  }
  HARDLOAD_TRY(storages->make_index());

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
