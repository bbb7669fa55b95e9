// A device that is a thread: it copies some time after it was asked to, and can fail at every
// point.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/result.h"
#include "loader/transfer/device_copies.h"
#include "loader/transfer/sink.h"
#include "tests/support/matchers.h"

namespace hardload::testing {

class ImitatedDevice final : public DeviceCopies {
 public:
  ImitatedDevice() : worker_([this] { work(); }) {}
  ~ImitatedDevice() override {
    {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(queue_.empty()) << "copies were on their way when the memory went away";
      is_over_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  // What goes wrong: counted from 1; 0: nothing.
  int failing_staging = 0, failing_copy = 0, failing_finish = 0;
  int failing_arrival = 0;  // of a copy that was begun: finish tells of it
  std::chrono::microseconds delay{0};

  // Memory of the device: one allocation for all of these sizes, each from a multiple of kUnit on.
  std::vector<std::byte*> allocate(std::span<const std::uint64_t> sizes) {
    std::uint64_t end = 0;
    std::vector<std::uint64_t> offsets;
    for (const std::uint64_t size : sizes) {
      offsets.push_back(end);
      end += (size + kUnit - 1) / kUnit * kUnit;
    }
    memory_.push_back({std::make_unique<std::byte[]>(end + kUnit), end});
    auto* start = memory_.back().bytes.get();
    start += (kUnit - reinterpret_cast<std::uintptr_t>(start) % kUnit) % kUnit;
    memory_.back().start = start;
    std::vector<std::byte*> addresses;
    for (const std::uint64_t offset : offsets) addresses.push_back(start + offset);
    return addresses;
  }

  Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) override {
    EXPECT_TRUE(staging_.empty()) << "called twice";
    if (++stagings == failing_staging) {
      return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "no staging memory");
    }
    staging_.resize(slots * bytes);
    on_their_way_.resize(slots);
    slot_bytes_ = bytes;
    return std::span<std::byte>(staging_);
  }

  Result<void> copy(std::size_t slot, std::span<const std::byte> bytes,
                    std::byte* address) override {
    EXPECT_GE(bytes.data(), staging_.data() + slot * slot_bytes_);
    EXPECT_LE(bytes.data() + bytes.size(), staging_.data() + (slot + 1) * slot_bytes_);
    EXPECT_TRUE(is_mine(address, bytes.size())) << "outside of one allocation";
    const int number = ++copies;
    if (number == failing_copy) return Error(ErrorKind::kDevice, Stage::kTransfer, "no copy");
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({slot, bytes, address, text_of(bytes), number == failing_arrival});
      ++on_their_way_[slot];
    }
    changed_.notify_all();
    return {};
  }

  Result<void> finish(std::size_t slot) override {
    const int number = ++finishes;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return on_their_way_[slot] == 0; });
    if (std::exchange(has_failed_, false)) {
      return Error(ErrorKind::kDevice, Stage::kTransfer, "a copy did not arrive");
    }
    if (number == failing_finish) return Error(ErrorKind::kDevice, Stage::kTransfer, "no finish");
    return {};
  }

  bool is_idle() {
    const std::lock_guard lock(mutex_);
    return queue_.empty();
  }
  std::size_t staging_bytes() const { return staging_.size(); }

  std::atomic<int> stagings = 0, copies = 0, finishes = 0;

 private:
  struct Copy {
    std::size_t slot;
    std::span<const std::byte> from;
    std::byte* to;
    std::string seen;  // what stood there when it was begun
    bool fails;
  };
  struct Memory {
    std::unique_ptr<std::byte[]> bytes;
    std::uint64_t size;
    std::byte* start = nullptr;
  };

  bool is_mine(const std::byte* address, std::uint64_t bytes) const {
    return std::any_of(memory_.begin(), memory_.end(), [&](const Memory& memory) {
      return address >= memory.start && address + bytes <= memory.start + memory.size;
    });
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const Copy& copy = queue_.front();  // others only add behind it
      lock.unlock();
      std::this_thread::sleep_for(delay);
      if (!copy.fails) std::memcpy(copy.to, copy.from.data(), copy.from.size());
      EXPECT_TRUE(text_of(copy.from) == copy.seen) << "a slot was filled again too early";
      lock.lock();
      has_failed_ = has_failed_ || copy.fails;
      --on_their_way_[copy.slot];
      queue_.pop_front();
      changed_.notify_all();
    }
  }

  std::vector<Memory> memory_;
  std::vector<std::byte> staging_;
  std::uint64_t slot_bytes_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Copy> queue_;  // guarded by mutex_, as what follows
  std::vector<int> on_their_way_;
  bool has_failed_ = false, is_over_ = false;
  std::thread worker_;
};

// A sink that puts storage `i` on devices[place(i)], or in host memory where that is negative.
class DeviceSink final : public Sink {
 public:
  DeviceSink(std::size_t count, std::function<int(std::size_t)> place) : place_(std::move(place)) {
    for (std::size_t i = 0; i < count; ++i) devices.push_back(std::make_unique<ImitatedDevice>());
  }

  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override {
    std::vector<Destination> destinations(storages.size());
    for (int d = -1; d < static_cast<int>(devices.size()); ++d) {
      if (d + 1 == failing_allocation) {
        return Error(ErrorKind::kOutOfMemory, Stage::kTransfer, "the device is full");
      }
      std::vector<std::size_t> here;
      std::vector<std::uint64_t> sizes;
      for (std::size_t i = 0; i < storages.size(); ++i) {
        if (place_(storages[i].storage) != d) continue;
        here.push_back(i);
        sizes.push_back(storages[i].bytes);
      }
      ImitatedDevice* device = d < 0 ? nullptr : devices[static_cast<std::size_t>(d)].get();
      const auto addresses = (d < 0 ? host_ : *device).allocate(sizes);
      for (std::size_t i = 0; i < here.size(); ++i) destinations[here[i]] = {addresses[i], device};
    }
    for (std::size_t i = 0; i < storages.size(); ++i) {
      contents_.emplace_back(destinations[i].memory, storages[i].bytes);
    }
    return destinations;
  }

  std::string content(std::size_t position) const { return text_of(contents_[position]); }
  bool is_idle() const {
    return std::all_of(devices.begin(), devices.end(),
                       [](const auto& device) { return device->is_idle(); });
  }

  std::vector<std::unique_ptr<ImitatedDevice>> devices;
  int failing_allocation = -1;  // 0: the host's; then those of the devices

 private:
  const std::function<int(std::size_t)> place_;
  ImitatedDevice host_;
  std::vector<std::span<const std::byte>> contents_;
};

}  // namespace hardload::testing
