// load_state_dict is all or nothing: each of its steps fails in turn, and whatever fails, every
// parameter and buffer is afterwards what it was: object, memory, bytes and version.

#include <cstdlib>
#include <new>
#include <stdexcept>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "loader/torch/load_state_dict.h"
#include "tests/support/failing_memory.h"
#include "tests/support/matchers.h"
#include "tests/torch/failing_allocator.h"
#include "tests/torch/parts.h"

namespace hardload {
namespace {

using testing::entry;
using testing::fail_allocation;
using testing::FailingAllocator;
using testing::kNone;
using testing::Parts;
using testing::see;
using testing::Seen;

// A module with a target of every kind that is filled in its own way, and a state dict that fits.
struct Case {
  Case() {
    tensors = {
        module.parameter("plain", at::zeros({2, 3})),
        module.parameter("cast", at::zeros({4}, at::kHalf)),
        module.parameter("turned", at::zeros({3, 2}).t()),
        module.buffer("gaps", at::zeros({4, 4}).slice(1, 0, 4, 2)),
        module.buffer("scalar", at::zeros({})),
        module.buffer("last", at::zeros({3})),
    };
    state.entries = {entry("plain", at::ones({2, 3})),  entry("cast", at::ones({4})),
                     entry("turned", at::ones({2, 3})), entry("gaps", at::ones({4, 2})),
                     entry("scalar", at::ones({1})),    entry("last", at::ones({3}))};
  }
  Parts module;
  std::vector<at::Tensor> tensors;
  StateDict state;
};

// What has to fail: what is done to the module, the state dict or the options.
template <typename Spoil>
void expect_unchanged(const char* what, ErrorKind kind, const Spoil& spoil) {
  for (const bool assign : {false, true}) {
    Case c;
    LoadStateDictOptions options;
    options.assign = assign;
    spoil(c, options);
    const auto before = see(c.tensors);
    const auto result = load_state_dict(c.module, c.state, options);
    EXPECT_ERROR(result, kind) << what << ", assign = " << assign;
    EXPECT_TRUE(before == see(c.tensors)) << what << ", assign = " << assign;
  }
}

at::Tensor& tensor_of(Case& c, const std::string& key) {
  for (StateDict::Entry& e : c.state.entries) {
    if (e.key == key) return e.tensor;
  }
  std::abort();
}

TEST(Transaction, TheCaseFits) {
  for (const bool assign : {false, true}) {
    Case c;
    LoadStateDictOptions options;
    options.assign = assign;
    ASSERT_OK(load_state_dict(c.module, c.state, options));
    for (const at::Tensor& tensor : c.tensors) EXPECT_TRUE(tensor.eq(1).all().item<bool>());
    EXPECT_EQ(c.tensors[1].scalar_type(), assign ? at::kFloat : at::kHalf);
  }
}

// K09
TEST(Transaction, KeysAndShapes) {
  using Options = LoadStateDictOptions;
  expect_unchanged("missing", ErrorKind::kKey,
                   [](Case& c, Options&) { c.state.entries.pop_back(); });
  expect_unchanged("unexpected", ErrorKind::kKey, [](Case& c, Options&) {
    c.state.entries.push_back(entry("more", at::ones({1})));
  });
  expect_unchanged("shape", ErrorKind::kKey,
                   [](Case& c, Options&) { tensor_of(c, "last") = at::ones({4}); });
  expect_unchanged("shape, not strict", ErrorKind::kKey, [](Case& c, Options& options) {
    tensor_of(c, "last") = at::ones({4});
    options.strict = false;
  });
  expect_unchanged("no tensor", ErrorKind::kKey, [](Case& c, Options&) {
    tensor_of(c, "last") = at::Tensor();
    c.state.entries.back().type = "int";
  });
  expect_unchanged("two of one name", ErrorKind::kKey, [](Case& c, Options&) {
    c.state.entries.push_back(entry("last", at::ones({3})));
  });
  expect_unchanged("two that become one", ErrorKind::kKey, [](Case& c, Options& options) {
    c.state.entries.push_back(entry("module.last", at::ones({3})));
    options.strip_prefix = "module.";
  });
  expect_unchanged("rule", ErrorKind::kKey, [](Case&, Options& options) {
    options.renames = {{"", "x"}};
  });
}

TEST(Transaction, TensorsThatCannotBeTaken) {
  using Options = LoadStateDictOptions;
  expect_unchanged("no data", ErrorKind::kKey, [](Case& c, Options& options) {
    options.assign = false;
    tensor_of(c, "last") = at::ones({3}, at::kMeta);
  });
  expect_unchanged("no data to be taken", ErrorKind::kUnsupported, [](Case& c, Options& options) {
    options.assign = true;
    tensor_of(c, "last") = at::ones({3}, at::kMeta);
  });
  expect_unchanged("inference", ErrorKind::kUnsupported, [](Case& c, Options&) {
    const c10::InferenceMode inference;
    c.tensors.push_back(c.module.buffer("frozen", at::zeros({1})));
    c.state.entries.push_back(entry("frozen", at::ones({1})));
  });
  expect_unchanged("sparse", ErrorKind::kUnsupported, [](Case& c, Options& options) {
    options.assign = true;
    tensor_of(c, "last") = at::ones({3}).to_sparse();
  });
  expect_unchanged("integers that require gradients", ErrorKind::kKey,
                   [](Case& c, Options& options) {
                     options.assign = true;
                     tensor_of(c, "cast") = at::ones({4}, at::kLong);
                   });
}

// K13: LibTorch has no cast from these bytes to numbers.
TEST(Transaction, ACastThatFails) {
  Case c;
  tensor_of(c, "cast") = at::ones({4}, at::kByte).view(at::kBits8);
  const auto before = see(c.tensors);
  const auto result = load_state_dict(c.module, c.state);
  EXPECT_ERROR(result, ErrorKind::kKey,
               "While copying the parameter named \"cast\", whose dimensions in the model are "
               "torch.Size([4]) and whose dimensions in the checkpoint are torch.Size([4]), an "
               "exception occurred : (");
  EXPECT_TRUE(before == see(c.tensors));
}

TEST(Transaction, ACallbackThatFails) {
  for (const bool throws : {false, true}) {
    expect_unchanged("extra state", ErrorKind::kUnsupported,
                     [&](Case& c, LoadStateDictOptions& options) {
                       c.state.entries.push_back(entry("_extra_state", at::ones({1})));
                       options.take_extra_state = [throws](std::string_view,
                                                           const StateDictEntry&) -> Result<void> {
                         if (throws) throw std::runtime_error("no");
                         return Error(ErrorKind::kUnsupported, Stage::kTorch, "no");
                       };
                     });
  }
}

// K13, V09
TEST(Transaction, EachPieceOfTensorMemoryInTurn) {
  FailingAllocator& failing = FailingAllocator::install();
  int failures = 0;
  for (long n = 0;; ++n) {
    Case c;
    const auto before = see(c.tensors);
    failing.until_failure = n;
    const auto result = load_state_dict(c.module, c.state);
    failing.until_failure = -1;
    if (result.ok()) break;
    ++failures;
    EXPECT_EQ(result.error().kind(), ErrorKind::kOutOfMemory) << result.error().display();
    EXPECT_TRUE(before == see(c.tensors)) << "allocation " << n;
  }
  EXPECT_GE(failures, 3);  // for what is cast and what lies in memory otherwise
}

// K13, V09: every other allocation, LibTorch's and the library's own.
TEST(Transaction, EachAllocationInTurn) {
  for (const bool assign : {false, true}) {
    int failures = 0;
    for (long n = 0;; ++n) {
      Case c;
      c.state.entries.push_back(entry("ignored", at::ones({1})));
      IncompatibleKeys report;
      LoadStateDictOptions options;
      options.assign = assign;
      options.strip_prefix = "module.";
      options.ignore_unexpected = {"ignored"};
      options.report = &report;
      const auto before = see(c.tensors);
      (void)c.module.name();  // LibTorch remembers it, and ends the program where it cannot
      fail_allocation(n);
      bool ok = false, failed = false;
      try {
        const auto result = load_state_dict(c.module, c.state, options);
        fail_allocation(kNone);
        ok = result.ok();
      } catch (const std::bad_alloc&) {  // the error itself could not be made
        fail_allocation(kNone);
        failed = true;
      }
      if (ok) {
        EXPECT_TRUE(c.tensors.back().eq(1).all().item<bool>());
        break;
      }
      ++failures;
      ASSERT_TRUE(before == see(c.tensors)) << "allocation " << n << ", thrown: " << failed;
    }
    EXPECT_GE(failures, 50);
  }
}

}  // namespace
}  // namespace hardload
