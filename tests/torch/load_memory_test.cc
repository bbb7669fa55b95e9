// load and load_into where memory runs out: each piece in turn cannot be had, and every time there
// is an error that says so, nothing is kept, and the module is what it was.

#include <functional>
#include <string>
#include <vector>

#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "tests/support/failing_memory.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/torch/failing_allocator.h"
#include "tests/torch/parts.h"

namespace hardload {
namespace {

using testing::allocations;
using testing::fail_allocation;
using testing::FailingAllocator;
using testing::kNone;

// How many pieces `attempt` takes; `fail` makes the n-th of them fail.
template <typename Attempt>
int failures_of(const Attempt& attempt, const std::function<void(long)>& fail) {
  EXPECT_OK(attempt());  // what is made once and kept is there from now on
  for (int n = 0;; ++n) {
    fail(n);
    const long before = allocations();
    {
      const auto result = attempt();
      fail(kNone);
      if (result.ok()) return n;
      EXPECT_EQ(result.error().kind(), ErrorKind::kOutOfMemory) << result.error().display();
    }
    EXPECT_EQ(allocations(), before);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "allocation " << n;
      return -1;
    }
  }
}

const std::string kFiles[] = {"data/golden/checkpoint_for_training.pt",
                              "data/golden/quantized_per_channel.pt",
                              "data/golden/sparse_csr.pt",
                              "data/golden/tree_nested.pt",
                              "data/golden/state_transformer.pt",
                              "data/golden/view_conjugated.pt"};

// V09
TEST(LoadMemory, EachAllocationInTurn) {
  for (const std::string& path : kFiles) {
    const auto attempt = [&] { return load(path, {.threads = 1}); };
    EXPECT_GE(failures_of(attempt, fail_allocation), 20) << path;
  }
}

// V09
TEST(LoadMemory, TheRegionThatTensorsLieIn) {
  for (const std::string& path : kFiles) {
    const auto attempt = [&] { return load(path, {.threads = 1}); };
    EXPECT_EQ(failures_of(attempt, testing::fail_mapping), 1) << path;
  }
}

// V09, M04: what LibTorch takes for itself when it makes tensors, if anything.
TEST(LoadMemory, EachPieceThatLibTorchTakes) {
  FailingAllocator& failing = FailingAllocator::install();
  for (const std::string& path : kFiles) {
    const auto attempt = [&] { return load(path, {.threads = 1}); };
    EXPECT_GE(failures_of(attempt, [&](long n) { failing.until_failure = n; }), 0) << path;
  }
}

// V09
TEST(LoadMemory, OfAModuleThatIsLoadedInto) {
  testing::Parts module;
  const std::vector<at::Tensor> tensors = {module.parameter("weight", at::zeros({10, 10})),
                                           module.parameter("bias", at::zeros({10}))};
  (void)module.name();  // LibTorch remembers it, and ends the program where it cannot
  const std::string path = "data/golden/state_linear.pt";
  for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
    const LoadIntoOptions options = {.mode = mode, .load = {.threads = 1}};
    int failures = 0;
    for (long n = 0;; ++n) {
      {
        const at::NoGradGuard no_grad;
        for (const at::Tensor& tensor : tensors) tensor.fill_(7);  // what no file holds
      }
      const std::vector<testing::Seen> before = testing::see(tensors);
      fail_allocation(n);
      const auto done = load_into(module, path, options);
      fail_allocation(kNone);
      if (done.ok()) break;
      ++failures;
      const bool is_torn = done.error().kind() == ErrorKind::kTorn;
      EXPECT_TRUE(is_torn || done.error().kind() == ErrorKind::kOutOfMemory);
      EXPECT_EQ(before == testing::see(tensors), !is_torn) << "allocation " << n;
      EXPECT_TRUE(!is_torn || mode == LoadMode::kInPlace) << "allocation " << n;
      if (HasFailure()) return;
    }
    EXPECT_GE(failures, 50);
  }
}

}  // namespace
}  // namespace hardload
