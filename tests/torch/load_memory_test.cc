// load, load_into and load_optimizer_state where memory runs out: each piece in turn cannot be had,
// of operator new, of the system's regions, and of LibTorch's allocator. Every time there is an
// error that says so, nothing is kept, and the module and the optimizer are what they were.

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "loader/torch/optimizer_state.h"
#include "tests/support/every_format.h"
#include "tests/support/failing_memory.h"
#include "tests/support/matchers.h"
#include "tests/torch/failing_allocator.h"
#include "tests/torch/target.h"

namespace hardload {
namespace {

namespace optim = torch::optim;
using testing::allocations;
using testing::FailingAllocator;
using testing::Sample;
using testing::Target;

// Memory of which the n-th piece from now on can be made to be missing.
struct Memory {
  const char* name;
  void (*fail)(long n);
  bool (*is_ahead)();  // whether nobody has asked for that piece yet
};
const Memory kMemories[] = {
    {"operator new", testing::fail_allocation, testing::is_failure_ahead},
    {"mmap", testing::fail_mapping, testing::is_mapping_failure_ahead},
    {"c10", [](long n) { FailingAllocator::install().until_failure = n; },
     [] { return FailingAllocator::install().until_failure >= 0; }},
};

// In place it can be too late for the module to be what it was.
template <typename T>
bool is_torn(const Result<T>& result) {
  return !result.ok() && result.error().kind() == ErrorKind::kTorn;
}

// How many pieces `attempt`, which gives a Result, takes. `prepare` is called before each attempt,
// and `check` sees what came of it.
template <typename Prepare, typename Attempt, typename Check>
int pieces_of(const Memory& memory, const Prepare& prepare, const Attempt& attempt,
              const Check& check) {
  prepare();
  EXPECT_OK(attempt());  // what is made once and kept is there from now on
  for (int n = 0; !::testing::Test::HasFailure(); ++n) {
    prepare();
    const long before = allocations();
    bool has_failed = false, is_ok = false;
    {
      memory.fail(n);
      const auto result = attempt();
      has_failed = !memory.is_ahead();
      memory.fail(testing::kNone);
      is_ok = result.ok();
      EXPECT_TRUE(is_ok || has_failed) << result.error().display();
      if (!is_ok && !is_torn(result)) {
        EXPECT_EQ(result.error().kind(), ErrorKind::kOutOfMemory) << result.error().display();
      }
      check(result);
    }
    if (!has_failed) return n;
    if (!is_ok) {
      EXPECT_EQ(allocations(), before);
    }
    if (::testing::Test::HasFailure()) ADD_FAILURE() << memory.name << ", piece " << n;
  }
  return -1;
}

class LoadMemory : public ::testing::TestWithParam<Sample> {};

// V09, M04
TEST_P(LoadMemory, EachPieceInTurn) {
  for (const Memory& memory : kMemories) {
    const auto attempt = [&] { return load(GetParam().path, {.threads = 1}); };
    const auto check = [](const Result<Checkpoint>& result) {
      EXPECT_FALSE(is_torn(result));
      if (result.ok() && result->tensor("w").ok()) {
        EXPECT_TRUE(at::equal(result->tensor("w").value(), Target::content_of_file()));
      }
    };
    const int pieces = pieces_of(
        memory, [] {}, attempt, check);
    EXPECT_GE(pieces, memory.fail == testing::fail_allocation ? 20 : 0);
  }
}

class LoadIntoMemory : public ::testing::TestWithParam<Sample> {};

// K13, V09
TEST_P(LoadIntoMemory, EachPieceInTurn) {
  for (const Memory& memory : kMemories) {
    for (const LoadMode mode : {LoadMode::kStaged, LoadMode::kInPlace}) {
      for (const char* kind : Target::kKinds) {
        Target target(kind);
        const LoadIntoOptions options = Target::options(mode);
        const auto attempt = [&] { return load_into(target.module, GetParam().path, options); };
        const auto check = [&](const Result<IncompatibleKeys>& result) {
          EXPECT_TRUE(mode == LoadMode::kInPlace || !is_torn(result));
          if (result.ok()) {
            EXPECT_TRUE(target.is_loaded()) << kind;
          } else if (!is_torn(result)) {
            EXPECT_TRUE(target.is_untouched()) << kind;
          }
        };
        const int pieces = pieces_of(
            memory, [&] { target.prepare(); }, attempt, check);
        const bool is_converted = std::string_view(kind) != "plain";
        EXPECT_GE(pieces, memory.fail == testing::fail_allocation ? 50 : is_converted ? 1 : 0);
      }
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Sample>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Every, LoadMemory, ::testing::ValuesIn(testing::all_samples()), name_of);
INSTANTIATE_TEST_SUITE_P(Small, LoadIntoMemory, ::testing::ValuesIn(testing::small_samples()),
                         name_of);

// The parameters of data/optimizer/make.py.
std::vector<at::Tensor> params() {
  std::vector<at::Tensor> params;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{4, 3}, {4}, {2, 4}, {2}}) {
    params.push_back(at::full(shape, 0.5).requires_grad_());
    params.back().mutable_grad() = at::full(shape, 0.25);
  }
  return params;
}

// Everything that the optimizer holds.
std::string bytes_of(const optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}

// V09: also in the state of an optimizer, which makes a step before each attempt.
void sweep(optim::Optimizer& optimizer, const std::string& file) {
  const Checkpoint checkpoint = load("data/optimizer/" + file).value();
  for (const Memory& memory : kMemories) {
    std::string before;
    const auto prepare = [&] {
      optimizer.step([] { return at::full({}, 1.0); });
      before = bytes_of(optimizer);
    };
    const auto attempt = [&] { return load_optimizer_state(optimizer, checkpoint, "optimizer"); };
    const auto check = [&](const Result<void>& result) {
      EXPECT_FALSE(is_torn(result));
      EXPECT_EQ(before == bytes_of(optimizer), !result.ok()) << file;
    };
    const int pieces = pieces_of(memory, prepare, attempt, check);
    EXPECT_GE(pieces, memory.fail == testing::fail_mapping ? 0 : 4) << memory.name;
  }
}

TEST(OptimizerMemory, EachPieceOfAdam) {
  optim::Adam adam(params());
  sweep(adam, "adam.pt");
}

TEST(OptimizerMemory, EachPieceOfSgd) {
  optim::SGD sgd(params(), optim::SGDOptions(0.1).momentum(0.25));
  sweep(sgd, "sgd_momentum.pt");
}

}  // namespace
}  // namespace hardload
