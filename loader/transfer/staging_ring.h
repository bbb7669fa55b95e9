// StagingRing: the host memory through which all bytes on their way to one device go.
//
//   HARDLOAD_ASSIGN(const auto ring, StagingRing::make(device, total_bytes, devices));
//   {
//     HARDLOAD_ASSIGN(StagingRing::Slot slot, ring->take());   // waits for a slot
//     ... fill slot.bytes() ...
//     HARDLOAD_TRY(slot.send(count, address));                 // does not wait
//   }
//   HARDLOAD_TRY(ring->finish());                              // all bytes are there
//
// A thread fills one slot while the device copies from others, so that reading and copying take the
// time of the slower one, in memory that does not grow with the file. A slot is used again when
// what was sent from it has arrived, the oldest first.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "loader/base/result.h"
#include "loader/transfer/device_copies.h"

namespace hardload {

class StagingRing {
 public:
  // Large enough for a device to copy at its full speed, small enough for many threads to have one
  // each; all together little enough to be page-locked in tens of milliseconds.
  static constexpr std::uint64_t kSlot = 2 << 20;
  static constexpr std::size_t kSlots = 32;

  // A ring for `total` bytes to `device`, where it is one of as many as `devices`, which share
  // kSlots. A slot has kSlot bytes, or `total` where that is less. Errors: those of staging.
  static Result<std::unique_ptr<StagingRing>> make(DeviceCopies& device, std::uint64_t total,
                                                   std::size_t devices = 1);

  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;
  // Waits for what is on its way, so that memory on both sides can go. No slot is taken any more.
  ~StagingRing();

  // A slot that one thread fills and sends. It goes back to the ring when it goes out of scope.
  class Slot {
   public:
    Slot(Slot&& other) noexcept
        : ring_(std::exchange(other.ring_, nullptr)), number_(other.number_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (ring_ != nullptr) ring_->give_back(number_);
    }

    // Unset, in fact old, bytes.
    std::span<std::byte> bytes() const;
    // Begins to copy the first `count` bytes to `address` on the device; they do not change after
    // that.
    Result<void> send(std::uint64_t count, std::byte* address);

   private:
    friend StagingRing;
    Slot(StagingRing* ring, std::size_t number) : ring_(ring), number_(number) {}
    StagingRing* ring_;
    std::size_t number_;
  };

  // Waits for a slot that no thread has, and then for what was sent from it. A thread takes one at
  // a time. Errors: those of the device. Threads: any.
  Result<Slot> take();

  // Sends bytes that stand elsewhere, through slots. Threads: any.
  Result<void> send(std::span<const std::byte> bytes, std::byte* address);

  // Waits for all that was sent. No thread has a slot. Errors: those of the device, the first one.
  Result<void> finish();

 private:
  StagingRing(DeviceCopies& device, std::size_t slots, std::uint64_t bytes);
  void give_back(std::size_t number);
  Result<void> finish(std::size_t number);

  DeviceCopies& device_;
  const std::uint64_t slot_bytes_;
  std::span<std::byte> memory_;
  std::vector<char> is_sent_;  // of each slot; belongs to who has the slot
  std::mutex mutex_;
  std::condition_variable given_back_;
  // Slots that no thread has, the one that came back first in front: `free_` of them in a circle
  // from `front_` on. Guarded by mutex_.
  std::vector<std::size_t> circle_;
  std::size_t front_ = 0, free_ = 0;
};

}  // namespace hardload
