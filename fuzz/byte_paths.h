// Imitated ends of the transfer stage: a file that is not in the page cache, a device, and memory
// that tells what was written beside it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/check.h"
#include "loader/bytes/byte_source.h"
#include "loader/transfer/device_copies.h"
#include "loader/transfer/sink.h"

namespace hardload::fuzz {

// Bytes of which none are in the page cache, and that can be read past it.
class ColdSource final : public ByteSource {
 public:
  explicit ColdSource(const ByteSource& source) : source_(source) {}
  std::string_view name() const override { return source_.name(); }
  std::uint64_t size() const override { return source_.size(); }
  bool is_cached(std::uint64_t) const override { return false; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return source_.read_at(offset, out);
  }
  Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const override {
    const bool is_aligned = offset % kDirectUnit == 0 && out.size() % kDirectUnit == 0 &&
                            reinterpret_cast<std::uintptr_t>(out.data()) % kDirectUnit == 0;
    check(is_aligned && offset < size(), "direct reads are aligned and inside of the file");
    std::memset(out.data(), 0xA5, out.size());
    return source_.read_at(offset, out.first(std::min<std::uint64_t>(out.size(), size() - offset)));
  }

 private:
  const ByteSource& source_;
};

// A device whose memory is the host's, and which copies at the last moment.
class LateDevice final : public DeviceCopies {
 public:
  Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) override {
    begun_.resize(slots);
    staging_.resize(slots * bytes);
    return std::span(staging_);
  }
  Result<void> copy(std::size_t slot, std::span<const std::byte> bytes, std::byte* to) override {
    begun_[slot].push_back({bytes, to});
    return {};
  }
  Result<void> finish(std::size_t slot) override {
    for (const auto& [from, to] : begun_[slot]) std::memcpy(to, from.data(), from.size());
    begun_[slot].clear();
    return {};
  }

 private:
  struct Copy {
    std::span<const std::byte> from;
    std::byte* to;
  };
  std::vector<std::vector<Copy>> begun_;
  std::vector<std::byte> staging_;
};

// One allocation for all storages, as devices want it; what lies between them stays as it is where
// the host moves bytes.
class Memory final : public Sink {
 public:
  explicit Memory(DeviceCopies* device) : device_(device) {}
  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override {
    std::vector<Destination> destinations;
    for (const Wanted& wanted : storages) {
      begins_.push_back(all_.size());
      sizes_.push_back(wanted.bytes);
      all_.resize(all_.size() + (wanted.bytes / DeviceCopies::kUnit + 1) * DeviceCopies::kUnit,
                  kFill);
    }
    for (const std::size_t begin : begins_) {
      destinations.push_back({reinterpret_cast<std::byte*>(all_.data()) + begin, device_});
    }
    return destinations;
  }
  std::string contents() const {
    std::string contents;
    for (std::size_t i = 0; i < begins_.size(); ++i) {
      contents += all_.substr(begins_[i], sizes_[i]);
      const std::size_t end = i + 1 < begins_.size() ? begins_[i + 1] : all_.size();
      const std::size_t gap = begins_[i] + sizes_[i];
      const bool is_whole = all_.find_first_not_of(kFill, gap) >= end;
      check(device_ != nullptr || is_whole, "nothing is written beside the storages");
    }
    return contents;
  }

 private:
  static constexpr char kFill = 0x5A;
  DeviceCopies* const device_;
  std::string all_;
  std::vector<std::size_t> begins_, sizes_;
};

}  // namespace hardload::fuzz
