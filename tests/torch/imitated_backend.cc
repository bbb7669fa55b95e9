#include "tests/torch/imitated_backend.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/XPUHooksInterface.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>
#include <torch/library.h>

namespace hardload::testing {
namespace {

constexpr c10::DeviceType kType = c10::DeviceType::XPU;

ImitatedBackend backend;

bool fails(std::atomic<int>& until) { return until >= 0 && until-- == 0; }

struct Copy {
  c10::StreamId stream;
  void* to;
  const void* from;
  std::size_t bytes;
};
std::mutex mutex;
std::deque<Copy> queue;  // guarded by mutex

void run(std::optional<c10::StreamId> stream) {
  const std::lock_guard lock(mutex);
  for (const Copy& copy : queue) {
    if (!stream || copy.stream == *stream) std::memcpy(copy.to, copy.from, copy.bytes);
  }
  queue.erase(std::remove_if(queue.begin(), queue.end(),
                             [&](const Copy& copy) { return !stream || copy.stream == *stream; }),
              queue.end());
}

thread_local c10::DeviceIndex current_device = 0;
thread_local std::array<c10::StreamId, 2> current_streams = {0, 0};

class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device old = getDevice();
    setDevice(device);
    return old;
  }
  c10::Device getDevice() const override { return c10::Device(kType, current_device); }
  void setDevice(c10::Device device) const override {
    if (device.has_index()) current_device = device.index();
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::UNSAFE, device, current(device));
  }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    static std::atomic<c10::StreamId> last = 0;
    return c10::Stream(c10::Stream::UNSAFE, device, ++last);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const c10::Stream old = getStream(stream.device());
    current(stream.device()) = stream.id();
    return old;
  }
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }
  void synchronizeStream(const c10::Stream& stream) const override {
    if (stream.id() == 0) {
      int nobody = -1;
      backend.copies_before_wait.compare_exchange_strong(nobody, backend.async_copies);
    }
    run(stream.id());
    TORCH_CHECK(stream.id() == 0 || !fails(backend.until_no_wait), "the device is lost");
  }
  void synchronizeDevice(const c10::DeviceIndex) const override {
    ++backend.device_waits;
    run(std::nullopt);
  }

 private:
  static c10::StreamId& current(c10::Device device) {
    return current_streams[static_cast<std::size_t>(device.has_index() ? device.index()
                                                                       : current_device)];
  }
};

// Addresses of the devices, of which the host can read none: what is there lies kDistance behind.
constexpr std::size_t kDistance = std::size_t{64} << 30;

void* behind(const void* address) {
  return const_cast<char*>(static_cast<const char*>(address)) + kDistance;
}

char* reserve_addresses() {
  void* start =
      ::mmap(nullptr, 2 * kDistance, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(start != MAP_FAILED);
  return static_cast<char*>(start);
}

// The memory is not counted as anonymous memory of the process, as that of a device is not.
class DeviceAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device device(kType, current_device);
    if (bytes == 0) return {nullptr, device};
    TORCH_CHECK_WITH(OutOfMemoryError, !fails(backend.until_no_memory), "XPU out of memory");
    static char* const addresses = reserve_addresses();
    static std::atomic<std::size_t> used = 0;
    constexpr std::size_t kPage = 4096;
    const std::size_t pages = (bytes + kPage - 1) / kPage * kPage;
    char* const address = addresses + used.fetch_add(pages);
    TORCH_CHECK(address + pages <= addresses + kDistance);
    TORCH_CHECK(::mmap(behind(address), pages, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    ++backend.blocks;
    return {address, new Block{address, pages}, &free, device};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(behind(to), behind(from), bytes);
  }

 private:
  struct Block {
    char* address;
    std::size_t bytes;
  };
  static void free(void* pointer) {
    const std::unique_ptr<Block> block(static_cast<Block*>(pointer));
    ::munmap(behind(block->address), block->bytes);
    --backend.blocks;
  }
};

class LockedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    TORCH_CHECK(backend.has_page_locked, "there is no page-locked memory");
    constexpr std::size_t kHead = 64;
    auto* start = static_cast<char*>(std::aligned_alloc(kHead, (bytes / kHead + 2) * kHead));
    TORCH_CHECK(start != nullptr);
    std::memcpy(start, &bytes, sizeof bytes);
    backend.locked += static_cast<std::int64_t>(bytes);
    backend.most_locked = std::max<std::int64_t>(backend.most_locked, backend.locked);
    return {start + kHead, start, &free, c10::DeviceType::CPU};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  static void free(void* start) {
    std::size_t bytes = 0;
    std::memcpy(&bytes, start, sizeof bytes);
    backend.locked -= static_cast<std::int64_t>(bytes);
    std::free(start);
  }
};

DeviceAllocator device_allocator;
LockedAllocator locked_allocator;

struct OnDevice {
  explicit OnDevice(std::optional<c10::Device> device) : old(current_device) {
    if (device) Guard().setDevice(*device);
  }
  ~OnDevice() { current_device = old; }
  const c10::DeviceIndex old;
};

const c10::DispatchKeySet kKeys(c10::DispatchKey::XPU);

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const OnDevice there(device);
  return at::Tensor(
      at::detail::empty_generic(size, &device_allocator, kKeys, type.value_or(at::kFloat), format));
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride,
                         std::optional<at::ScalarType> type, std::optional<at::Layout>,
                         std::optional<at::Device> device, std::optional<bool>) {
  const OnDevice there(device);
  return at::Tensor(at::detail::empty_strided_generic(size, stride, &device_allocator, kKeys,
                                                      type.value_or(at::kFloat)));
}

void* on_host(const void* memory, const at::Tensor& tensor) {
  return tensor.device().type() == kType ? behind(memory) : const_cast<void*>(memory);
}

at::Tensor on_host(const at::Tensor& tensor) {
  auto* memory = static_cast<const char*>(tensor.storage().data()) +
                 static_cast<std::size_t>(tensor.storage_offset()) * tensor.itemsize();
  return at::from_blob(on_host(memory, tensor), tensor.sizes(), tensor.strides(),
                       at::TensorOptions().dtype(tensor.scalar_type()));
}

at::Tensor& copy(at::Tensor& self, const at::Tensor& from, bool non_blocking) {
  const c10::Device device = self.device().type() == kType ? self.device() : from.device();
  const c10::Stream stream = Guard().getStream(device);
  if (non_blocking && self.numel() > 0) {
    ++backend.async_copies;
    TORCH_CHECK(!fails(backend.until_no_copy), "the device does not copy");
    TORCH_CHECK(self.nbytes() == from.nbytes() && self.is_contiguous() && from.is_contiguous());
    TORCH_CHECK(current_device == device.index(), "another device is the current one");
    const std::lock_guard lock(mutex);
    queue.push_back({stream.id(), on_host(self.const_data_ptr(), self),
                     on_host(from.const_data_ptr(), from), self.nbytes()});
    return self;
  }
  run(stream.id());
  on_host(self).copy_(on_host(from));
  return self;
}

}  // namespace

int ImitatedBackend::on_their_way() const {
  const std::lock_guard lock(mutex);
  return static_cast<int>(queue.size());
}

ImitatedBackend& ImitatedBackend::install() {
  static const bool is_installed = [] {
    c10::SetAllocator(kType, &device_allocator);
    c10::impl::registerDeviceGuard(kType, new Guard());
    static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::XPU, __FILE__,
                                  __LINE__);
    library.impl("empty.memory_format", TORCH_FN(empty));
    library.impl("empty_strided", TORCH_FN(empty_strided));
    library.impl("copy_", TORCH_FN(copy));
    return true;
  }();
  (void)is_installed;
  return backend;
}

}  // namespace hardload::testing

// By this name LibTorch looks for it.
namespace at {
namespace {
struct XPUHooks final : XPUHooksInterface {
  explicit XPUHooks(XPUHooksArgs) {}
  void init() const override {}
  Allocator* getPinnedMemoryAllocator() const override {
    return &hardload::testing::locked_allocator;
  }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
};
REGISTER_XPU_HOOKS(XPUHooks);
}  // namespace
}  // namespace at
