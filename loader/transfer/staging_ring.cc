#include "loader/transfer/staging_ring.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace hardload {

Result<std::unique_ptr<StagingRing>> StagingRing::make(DeviceCopies& device, std::uint64_t total,
                                                       std::size_t devices) {
  total = std::max<std::uint64_t>(total, 1);
  const std::uint64_t bytes = std::min(total, kSlot);
  const std::uint64_t most = std::max<std::size_t>(1, kSlots / std::max<std::size_t>(1, devices));
  const auto slots = static_cast<std::size_t>(std::min(most, (total - 1) / bytes + 1));
  std::unique_ptr<StagingRing> ring(new StagingRing(device, slots, bytes));
  HARDLOAD_ASSIGN(ring->memory_, device.staging(slots, bytes));
  return ring;
}

StagingRing::StagingRing(DeviceCopies& device, std::size_t slots, std::uint64_t bytes)
    : device_(device), slot_bytes_(bytes), is_sent_(slots), circle_(slots), free_(slots) {
  std::iota(circle_.begin(), circle_.end(), std::size_t{0});
}

StagingRing::~StagingRing() {
  // Who wants to know of an error has called it before.
  (void)finish();
}

std::span<std::byte> StagingRing::Slot::bytes() const {
  return ring_->memory_.subspan(number_ * ring_->slot_bytes_, ring_->slot_bytes_);
}

Result<void> StagingRing::Slot::send(std::uint64_t count, std::byte* address) {
  ring_->is_sent_[number_] = true;  // whatever becomes of it: see DeviceCopies::copy
  return ring_->device_.copy(number_, bytes().first(count), address);
}

Result<StagingRing::Slot> StagingRing::take() {
  std::size_t number = 0;
  {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [&] { return free_ > 0; });
    number = circle_[front_];
    front_ = (front_ + 1) % circle_.size();
    --free_;
  }
  Slot slot(this, number);
  HARDLOAD_TRY(finish(number));
  return slot;
}

void StagingRing::give_back(std::size_t number) {
  {
    const std::lock_guard lock(mutex_);
    circle_[(front_ + free_) % circle_.size()] = number;
    ++free_;
  }
  given_back_.notify_one();
}

Result<void> StagingRing::send(std::span<const std::byte> bytes, std::byte* address) {
  for (std::uint64_t done = 0; done < bytes.size(); done += slot_bytes_) {
    HARDLOAD_ASSIGN(Slot slot, take());
    const auto part = bytes.subspan(done, std::min(slot_bytes_, bytes.size() - done));
    std::memcpy(slot.bytes().data(), part.data(), part.size());
    HARDLOAD_TRY(slot.send(part.size(), address + done));
  }
  return {};
}

Result<void> StagingRing::finish(std::size_t number) {
  if (!is_sent_[number]) return {};
  is_sent_[number] = false;
  return device_.finish(number);
}

Result<void> StagingRing::finish() {
  Result<void> done;
  for (std::size_t number = 0; number < is_sent_.size(); ++number) {
    auto finished = finish(number);
    if (done.ok()) done = std::move(finished);
  }
  return done;
}

}  // namespace hardload
