// load and load_into to devices, which are imitated: what arrives, through how much memory, and
// what is left when it fails.

#include "loader/torch/device_memory.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "loader/hardload.h"
#include "loader/transfer/staging_ring.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"
#include "tests/torch/imitated_backend.h"

namespace hardload {
namespace {

using testing::ImitatedBackend;

class DeviceMemoryTest : public ::testing::Test {
 protected:
  ImitatedBackend& backend = ImitatedBackend::install();

  void SetUp() override { backend.reset_counts(); }
  void TearDown() override {
    EXPECT_EQ(backend.blocks, 0);
    EXPECT_EQ(backend.locked, 0);
    EXPECT_EQ(backend.on_their_way(), 0);
  }
};

std::string saved(const std::string& name, const std::vector<at::Tensor>& tensors) {
  const std::string path = testing::write_temporary(name, "");
  Tree list = Tree::list();
  for (const at::Tensor& tensor : tensors) list.push_back(tensor);
  save(list, path).value();
  return path;
}

// Of many types and sizes; some small ones, and two that share memory.
std::vector<at::Tensor> mixed() {
  std::vector<at::Tensor> tensors;
  for (std::int64_t i = 0; i < 40; ++i) {
    tensors.push_back(at::arange(i, i % 2 == 0 ? at::kFloat : at::kLong));
  }
  tensors.push_back(at::arange(1'500'000, at::kFloat).reshape({1000, 1500}));
  tensors.push_back(tensors.back().t());
  tensors.push_back(at::arange(30'000, at::kHalf));
  tensors.push_back(at::zeros({}, at::kBool));
  return tensors;
}

void expect_equal(const Checkpoint& checkpoint, const std::vector<at::Tensor>& tensors,
                  std::string_view device) {
  ASSERT_EQ(checkpoint.tensors().size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(checkpoint.tensors()[i].device().str(), device);
    EXPECT_TRUE(at::equal(checkpoint.tensors()[i].cpu(), tensors[i])) << i;
  }
}

TEST_F(DeviceMemoryTest, HoldsWhatWasSaved) {
  const auto tensors = mixed();
  const std::string path = saved("mixed.pt", tensors);
  for (const bool has_page_locked : {true, false}) {
    backend.has_page_locked = has_page_locked;
    backend.reset_counts();
    for (const std::string device : {"xpu:0", "xpu:1"}) {
      const auto loaded = load(path, {.map_location = device});
      ASSERT_OK(loaded);
      EXPECT_EQ(backend.on_their_way(), 0);
      expect_equal(*loaded, tensors, device);
      EXPECT_TRUE(loaded->tensors()[40].is_alias_of(loaded->tensors()[41]));
      // Two of their own, and one for all that are small.
      EXPECT_EQ(backend.blocks, 2);
      // Three slots of the large one, and one for small neighbours on each side of it.
      EXPECT_LE(backend.async_copies, 2 * 6);
    }
    EXPECT_EQ(backend.most_locked > 0, has_page_locked);
  }
  backend.has_page_locked = true;
  const auto current = load(path, {.map_location = "xpu"});
  ASSERT_OK(current);
  expect_equal(*current, tensors, "xpu:0");
}

TEST_F(DeviceMemoryTest, MayBeOfSeveralDevices) {
  const auto tensors = mixed();
  const std::string path = saved("several.pt", tensors);
  int calls = 0;
  const auto in_turn = [&](const StorageSpec&, std::string_view) -> std::optional<std::string> {
    constexpr const char* kPlaces[] = {"xpu:1", "cpu", "xpu:0", "meta", "xpu"};
    return kPlaces[calls++ % 5];
  };
  const auto loaded = load(path, {.map_location = in_turn});
  ASSERT_OK(loaded);
  std::size_t met = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& tensor = loaded->tensors()[i];
    if (tensor.is_meta()) continue;
    EXPECT_TRUE(at::equal(tensor.cpu(), tensors[i])) << i;
    met |= std::size_t{1} << (tensor.is_cpu() ? 2 : tensor.device().index());
  }
  EXPECT_EQ(met, 7u);
}

TEST_F(DeviceMemoryTest, OfSmallStoragesLivesWithTheLast) {
  const auto tensors = mixed();
  const std::string path = saved("last.pt", tensors);
  at::Tensor one, other;
  {
    const auto loaded = load(path, {.map_location = "xpu:1"});
    ASSERT_OK(loaded);
    one = loaded->tensors()[30];
    other = loaded->tensors()[31];
  }
  EXPECT_EQ(backend.blocks, 1);
  // Its storage is like any other.
  EXPECT_TRUE(one.storage().resizable());
  one.storage().unsafeGetStorageImpl()->set_data_ptr(
      one.storage().allocator()->allocate(one.storage().nbytes()));
  EXPECT_EQ(backend.blocks, 2);
  one.reset();
  EXPECT_EQ(backend.device_waits, 0);
  EXPECT_TRUE(at::equal(other.cpu(), tensors[31]));
  other.reset();
  EXPECT_EQ(backend.device_waits, 1);  // streams that LibTorch did not keep account of
}

TEST_F(DeviceMemoryTest, WaitsForTheCallersStreamFirst) {
  const std::string path = saved("stream.pt", mixed());
  ASSERT_OK(load(path, {.map_location = "xpu:0"}));
  EXPECT_EQ(backend.copies_before_wait, 0);
}

// Whatever the order of the records: that of their names, as torch once wrote them, or another.
TEST_F(DeviceMemoryTest, IsFilledInTheOrderOfTheFile) {
  testing::PickleBuilder pickle;
  testing::CheckpointBuilder checkpoint;
  pickle.empty_list().mark();
  for (int i = 0; i < 300; ++i) {
    pickle.tensor("ByteStorage", std::to_string(i), 20, {20}, {1});
    checkpoint.storage(std::to_string(299 - i), std::string(20, static_cast<char>(299 - i)));
  }
  const std::string path =
      testing::write_temporary("order.pt", checkpoint.pickle(pickle.op('e').stop()).build());
  const auto loaded = load(path, {.map_location = "xpu:0"});
  ASSERT_OK(loaded);
  EXPECT_LT(backend.async_copies, 5);
  for (int i = 0; i < 300; ++i) {
    const at::Tensor tensor = loaded->tensors()[static_cast<std::size_t>(i)].cpu();
    EXPECT_TRUE(at::equal(tensor, at::zeros({20}, at::kByte) + i % 256)) << i;
  }
}

// Anonymous memory of the process, in bytes.
std::int64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::int64_t kib = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kib;
  }
  return kib << 10;
}

TEST_F(DeviceMemoryTest, IsReachedThroughLittleOfTheHosts) {
  const std::string path = saved("large.pt", {at::ones({25 << 20}), at::ones({25 << 20})});
  const std::int64_t before = anonymous_bytes();
  std::int64_t most = before;
  const auto loaded =
      load(path, {.map_location = "xpu:0", .progress = [&](std::uint64_t, std::uint64_t) {
                    most = std::max(most, anonymous_bytes());
                    return true;
                  }});
  ASSERT_OK(loaded);
  const auto ring = static_cast<std::int64_t>(StagingRing::kSlots * StagingRing::kSlot);
  EXPECT_EQ(backend.most_locked, ring);
  EXPECT_LT(most - before, ring + (24 << 20));
  EXPECT_GT(most, before);
}

// V09: makes the k-th of something fail for each k; returns how many there are.
int failures_of(const std::function<Result<void>()>& attempt, std::atomic<int>& until,
                ErrorKind kind) {
  for (int k = 0;; ++k) {
    const int blocks = ImitatedBackend::install().blocks;
    until = k;
    const auto done = attempt();
    until = -1;
    EXPECT_EQ(ImitatedBackend::install().on_their_way(), 0);
    EXPECT_EQ(ImitatedBackend::install().blocks, blocks);
    EXPECT_EQ(ImitatedBackend::install().locked, 0);
    if (done.ok()) return k;
    EXPECT_EQ(done.error().kind(), kind) << done.error().display();
    if (k == 100) return -1;
  }
}

TEST_F(DeviceMemoryTest, ThatCannotBeHadOrReachedIsAnError) {
  const std::string path = saved("failing.pt", mixed());
  for (const unsigned threads : {1u, 3u}) {
    const auto attempt = [&]() -> Result<void> {
      HARDLOAD_TRY(load(path, {.map_location = "xpu:1", .threads = threads}));
      return {};
    };
    EXPECT_EQ(failures_of(attempt, backend.until_no_memory, ErrorKind::kOutOfMemory), 2);
    EXPECT_GE(failures_of(attempt, backend.until_no_copy, ErrorKind::kDevice), 4);
    EXPECT_GE(failures_of(attempt, backend.until_no_wait, ErrorKind::kDevice), 4);
  }
}

TEST_F(DeviceMemoryTest, IsThatOfAModuleThatIsLoadedInto) {
  torch::nn::Linear from(700, 900), module(700, 900);
  const std::string path = testing::write_temporary("module.pt", "");
  save(state_dict_of(*from), path).value();
  module->to(c10::Device("xpu:1"));
  backend.reset_counts();
  ASSERT_OK(load_into(*module, path));
  EXPECT_GT(backend.async_copies, 0);
  EXPECT_EQ(module->weight.device().str(), "xpu:1");
  EXPECT_TRUE(at::equal(module->weight.cpu(), from->weight));
  EXPECT_TRUE(at::equal(module->bias.cpu(), from->bias));

  // Of another type, or on the CPU, they come from there.
  torch::nn::Linear half(700, 900);
  half->to(c10::Device("xpu:0"), at::kHalf);
  half->bias.set_data(half->bias.cpu().to(at::kFloat));
  backend.reset_counts();
  ASSERT_OK(load_into(*half, path));
  EXPECT_EQ(backend.async_copies, 0);
  EXPECT_TRUE(at::equal(half->weight.cpu(), from->weight.to(at::kHalf)));
  EXPECT_TRUE(at::equal(half->bias, from->bias));

  // Whatever fails, the module is what it was.
  const auto attempt = [&]() -> Result<void> {
    const at::Tensor old = module->weight.cpu();
    auto done = load_into(*module, path, {.load = {.threads = 1}});
    EXPECT_TRUE(at::equal(module->weight.cpu(), done.ok() ? from->weight : old));
    if (done.ok()) return {};
    return std::move(done).error();
  };
  for (std::atomic<int>* until : {&backend.until_no_memory, &backend.until_no_copy}) {
    from->weight.set_data(from->weight + 1);
    save(state_dict_of(*from), path).value();
    const auto kind =
        until == &backend.until_no_copy ? ErrorKind::kDevice : ErrorKind::kOutOfMemory;
    EXPECT_GE(failures_of(attempt, *until, kind), 2);
  }
}

// Kernels write where indices point; they are looked at wherever they are.
TEST_F(DeviceMemoryTest, HoldsNoIndicesThatPointElsewhere) {
  const std::int64_t index = 0x1122334455, outside = 0x2222334455;
  const at::Tensor sparse = at::sparse_coo_tensor(at::zeros({1, 1}, at::kLong) + index,
                                                  at::ones({1}), {std::int64_t{0x1200000000}});
  const std::string path = saved("sparse.pt", {sparse});
  std::string bytes = testing::read_file(path);
  const auto text = [](const std::int64_t& number) {
    return std::string_view(reinterpret_cast<const char*>(&number), sizeof number);
  };
  const std::size_t at = bytes.find(text(index));
  ASSERT_NE(at, bytes.npos);
  bytes.replace(at, sizeof index, text(outside));
  testing::write_temporary("sparse.pt", bytes);
  EXPECT_ERROR(load(path, {.map_location = "xpu:0", .verify_crc = false}), ErrorKind::kLayout, "");
}

}  // namespace
}  // namespace hardload
