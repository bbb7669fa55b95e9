// StagingRing: bytes arrive as they were sent, in memory that is as large as it is said to be, and
// nothing is on its way when the ring is gone.

#include "loader/transfer/staging_ring.h"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "loader/transfer/parallel.h"
#include "tests/support/matchers.h"
#include "tests/transfer/imitated_device.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

using testing::as_bytes;
using testing::ImitatedDevice;
using testing::pattern;
using testing::text_of;

constexpr std::uint64_t kSlot = StagingRing::kSlot;

TEST(StagingRing, SendsWhatDoesNotFitASlot) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{kSlot},
                                 std::size_t{kSlot} + 1, 5 * std::size_t{kSlot} - 3}) {
    const std::string content = pattern(size, 1);
    ImitatedDevice device;
    device.delay = std::chrono::milliseconds(1);
    std::byte* address = device.allocate(std::vector<std::uint64_t>{size})[0];
    const auto ring = StagingRing::make(device, size);
    ASSERT_OK(ring);
    EXPECT_OK((*ring)->send(as_bytes(content), address));
    EXPECT_OK((*ring)->finish());
    EXPECT_TRUE(text_of({address, size}) == content) << size;
  }
}

TEST(StagingRing, TakesNoMoreMemoryThanItMay) {
  struct Case {
    std::uint64_t total;
    std::size_t devices, bytes;
  };
  for (const Case& c : {Case{0, 1, 1}, Case{100, 1, 100}, Case{kSlot, 1, kSlot},
                        Case{kSlot + 1, 1, 2 * kSlot}, Case{1000 * kSlot, 1, 32 * kSlot},
                        Case{1000 * kSlot, 5, 6 * kSlot}, Case{1000 * kSlot, 99, kSlot}}) {
    ImitatedDevice device;
    ASSERT_OK(StagingRing::make(device, c.total, c.devices));
    EXPECT_EQ(device.staging_bytes(), c.bytes);
  }
}

TEST(StagingRing, ServesMoreThreadsThanItHasSlots) {
  constexpr std::size_t kStorages = 400;
  ImitatedDevice device;
  const std::vector<std::uint64_t> sizes(kStorages, 1000);
  const auto addresses = device.allocate(sizes);
  // Two slots.
  const auto ring = StagingRing::make(device, kSlot + 1);
  ASSERT_OK(ring);
  ASSERT_OK(for_each_parallel(kStorages, 8, [&](std::size_t i) -> Result<void> {
    HARDLOAD_ASSIGN(StagingRing::Slot slot, (*ring)->take());
    const std::string content = pattern(1000, static_cast<unsigned>(i));
    std::memcpy(slot.bytes().data(), content.data(), content.size());
    return slot.send(content.size(), addresses[i]);
  }));
  ASSERT_OK((*ring)->finish());
  for (std::size_t i = 0; i < kStorages; ++i) {
    EXPECT_EQ(text_of({addresses[i], 1000}), pattern(1000, static_cast<unsigned>(i)));
  }
}

TEST(StagingRing, DoesNotWaitForTheDeviceWhereASlotIsFree) {
  ImitatedDevice device;
  device.delay = std::chrono::milliseconds(300);
  const auto addresses = device.allocate(std::vector<std::uint64_t>(3, 8));
  const auto ring = StagingRing::make(device, 3 * kSlot);
  ASSERT_OK(ring);
  for (std::byte* address : addresses) {
    auto slot = (*ring)->take();
    ASSERT_OK(slot);
    ASSERT_OK(slot->send(8, address));
  }
  EXPECT_FALSE(device.is_idle());
  EXPECT_EQ(device.finishes, 0);
}

TEST(StagingRing, WaitsForWhatIsOnItsWayWhenItGoes) {
  ImitatedDevice device;
  device.delay = std::chrono::milliseconds(20);
  std::byte* address = device.allocate(std::vector<std::uint64_t>{100})[0];
  {
    const auto ring = StagingRing::make(device, 100);
    ASSERT_OK(ring);
    ASSERT_OK((*ring)->send(as_bytes(pattern(100, 1)), address));
  }
  EXPECT_TRUE(device.is_idle());
}

// V09
TEST(StagingRing, HandsOnEveryFailure) {
  const std::string content = pattern(5 * kSlot, 1);
  const auto attempt = [&](ImitatedDevice& device) -> Result<void> {
    std::byte* address = device.allocate(std::vector<std::uint64_t>{content.size()})[0];
    // Two slots, so that there are three waits on the way and two at the end.
    HARDLOAD_ASSIGN(const auto ring, StagingRing::make(device, 2 * kSlot));
    HARDLOAD_TRY(ring->send(as_bytes(content), address));
    return ring->finish();
  };
  {
    ImitatedDevice device;
    device.failing_staging = 1;
    EXPECT_ERROR(attempt(device), ErrorKind::kOutOfMemory, "no staging memory");
  }
  for (int k = 1; k <= 6; ++k) {
    ImitatedDevice copy, finish, arrival;
    copy.failing_copy = finish.failing_finish = arrival.failing_arrival = k;
    if (k == 6) {
      for (ImitatedDevice* device : {&copy, &finish, &arrival}) EXPECT_OK(attempt(*device));
      EXPECT_EQ(finish.finishes, 5);
      break;
    }
    EXPECT_ERROR(attempt(copy), ErrorKind::kDevice, "no copy");
    EXPECT_EQ(copy.copies, k);
    EXPECT_ERROR(attempt(finish), ErrorKind::kDevice, "no finish");
    EXPECT_ERROR(attempt(arrival), ErrorKind::kDevice, "did not arrive");
    for (ImitatedDevice* device : {&copy, &finish, &arrival}) EXPECT_TRUE(device->is_idle());
  }
}

}  // namespace
}  // namespace hardload
