// Two devices of the type XPU, for LibTorch as well, that are memory of the host, at addresses that
// the host cannot read.
//
// A copy that may be asynchronous is made only when somebody waits for its stream: who forgets to
// wait finds nothing there, and who fills staging memory again too early finds the wrong bytes.
#pragma once

#include <atomic>
#include <cstdint>

namespace hardload::testing {

struct ImitatedBackend {
  // Registers it, once.
  static ImitatedBackend& install();

  // What cannot be had: counted down from a number; negative: all can.
  std::atomic<int> until_no_memory = -1;  // allocations of a device's memory
  std::atomic<int> until_no_copy = -1;    // copies that may be asynchronous
  std::atomic<int> until_no_wait = -1;    // waits for a stream, of which the copies are made yet
  bool has_page_locked = true;

  std::atomic<int> blocks = 0;           // of the devices' memory that are not freed
  std::atomic<std::int64_t> locked = 0;  // bytes of page-locked memory that are not freed
  std::atomic<std::int64_t> most_locked = 0;
  std::atomic<int> async_copies = 0;
  // How many copies were asked for when somebody first waited for the default stream; -1: nobody.
  std::atomic<int> copies_before_wait = -1;
  std::atomic<int> device_waits = 0;

  // Copies that were asked for and not made.
  int on_their_way() const;
  void reset_counts() {
    async_copies = 0;
    most_locked = 0;
    copies_before_wait = -1;
    device_waits = 0;
  }
};

}  // namespace hardload::testing
