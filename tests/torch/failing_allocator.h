// LibTorch's memory for tensors on the CPU, of which one piece cannot be had.
#pragma once

#include <cstddef>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

namespace hardload::testing {

class FailingAllocator final : public c10::Allocator {
 public:
  // The one that LibTorch uses from now on.
  static FailingAllocator& install() {
    static FailingAllocator failing(*c10::GetCPUAllocator());
    c10::SetCPUAllocator(&failing, /*priority=*/100);
    return failing;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    if (until_failure >= 0 && until_failure-- == 0) {
      TORCH_CHECK(false, "not enough memory: you tried to allocate ", bytes, " bytes");
    }
    return real_.allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return real_.raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  long until_failure = -1;  // pieces; negative: none fails

 private:
  explicit FailingAllocator(c10::Allocator& real) : real_(real) {}
  c10::Allocator& real_;
};

}  // namespace hardload::testing
