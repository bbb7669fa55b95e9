// StreamBuilder: legacy streams of torch before 1.6 for tests, part by part.
//
//   std::string bytes = StreamBuilder()
//       .object(PickleBuilder().raw(old_tensor("7", 2, {2}, {1})).stop())
//       .storage("7", 2, std::string(8, '\1'))
//       .build();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/pickle_builder.h"

namespace hardload::testing {

// An integer of eight bytes, as in front of a storage.
inline std::string int64_bytes(std::int64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return bytes;
}

// What is said of the machine, as a pickle.
inline std::string system_info(std::int64_t version, bool little_endian = true) {
  PickleBuilder p;
  p.empty_dict().mark().text("protocol_version").integer(version);
  p.text("little_endian").boolean(little_endian).text("type_sizes").empty_dict().mark();
  return p.text("short").integer(2).text("int").integer(4).text("long").integer(4).raw("uu").stop();
}

// A slice of a storage; its key is empty where there is none.
struct Slice {
  std::string key = {};
  std::int64_t offset = 0, numel = 0;
};

// The instructions that push a storage of floats.
inline std::string old_storage(std::string_view key, std::int64_t numel, const Slice& slice = {}) {
  PickleBuilder p("");
  p.mark().text("storage").global("torch", "FloatStorage").text(key).text("cpu").integer(numel);
  if (slice.key.empty()) {
    p.none();
  } else {
    p.mark().text(slice.key).integer(slice.offset).integer(slice.numel).tuple();
  }
  return p.tuple().op('Q').bytes();
}

// The instructions that push a tensor of them, in the oldest form.
inline std::string old_tensor(std::string_view key, std::int64_t numel,
                              const std::vector<std::int64_t>& shape,
                              const std::vector<std::int64_t>& strides, std::int64_t offset = 0,
                              const Slice& slice = {}) {
  PickleBuilder p("");
  p.global("torch._utils", "_rebuild_tensor").mark().raw(old_storage(key, numel, slice));
  return p.integer(offset).integers(shape).integers(strides).tuple().reduce().bytes();
}

class StreamBuilder {
 public:
  static constexpr std::string_view kMagic = {
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15};

  // Each part as a pickle, with PROTO and STOP.
  StreamBuilder& protocol(std::string pickle) { return set(protocol_, std::move(pickle)); }
  StreamBuilder& info(std::string pickle) { return set(info_, std::move(pickle)); }
  StreamBuilder& object(std::string pickle) { return set(object_, std::move(pickle)); }
  // Instead of the list of the storages that were added.
  StreamBuilder& keys(std::string pickle) { return set(keys_, std::move(pickle)); }
  // The number in front of a storage need not be right.
  StreamBuilder& storage(std::string key, std::int64_t numel, std::string_view bytes) {
    names_.push_back(std::move(key));
    storages_ += int64_bytes(numel);
    storages_ += bytes;
    return *this;
  }
  StreamBuilder& behind(std::string bytes) { return set(behind_, std::move(bytes)); }

  std::string build() const {
    PickleBuilder list;
    list.empty_list().mark();
    for (const std::string& name : names_) list.text(name);
    return std::string(kMagic) + protocol_ + info_ + object_ +
           (keys_.empty() ? list.op('e').stop() : keys_) + storages_ + behind_;
  }

 private:
  StreamBuilder& set(std::string& part, std::string value) {
    part = std::move(value);
    return *this;
  }

  std::string protocol_ = PickleBuilder().integer(1001).stop();
  std::string info_ = system_info(1001);
  std::string object_ = PickleBuilder().empty_dict().stop();
  std::string keys_, storages_, behind_;
  std::vector<std::string> names_;
};

}  // namespace hardload::testing
