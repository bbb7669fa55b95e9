// load_into: from a file into a module, staged and in place.

#include "loader/torch/load_into.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include "loader/bytes/file_source.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

constexpr LoadMode kModes[] = {LoadMode::kStaged, LoadMode::kInPlace};

std::vector<at::Tensor> tensors_of(const torch::nn::Module& module) {
  std::vector<at::Tensor> all = module.parameters();
  const auto buffers = module.buffers();
  all.insert(all.end(), buffers.begin(), buffers.end());
  return all;
}

// What a module holds, and how often it was changed.
struct Snapshot {
  std::vector<at::Tensor> values;
  std::vector<std::uint32_t> versions;

  explicit Snapshot(const torch::nn::Module& module) {
    for (const at::Tensor& tensor : tensors_of(module)) {
      values.push_back(tensor.detach().clone());
      versions.push_back(static_cast<std::uint32_t>(tensor._version()));
    }
  }
  bool equals(const torch::nn::Module& module) const {
    const Snapshot now(module);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!at::equal(values[i], now.values[i]) || versions[i] != now.versions[i]) return false;
    }
    return values.size() == now.values.size();
  }
};

// A file whose reads can be watched and made to fail.
class WatchedSource final : public ByteSource {
 public:
  using OnRead = std::function<Result<void>(std::uint64_t offset, std::size_t bytes)>;
  WatchedSource(const std::string& path, OnRead on_read)
      : file_(FileSource::open(path).value()), on_read_(std::move(on_read)) {}

  std::string_view name() const override { return file_->name(); }
  std::uint64_t size() const override { return file_->size(); }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    HARDLOAD_TRY(on_read_(offset, out.size()));
    return file_->read_at(offset, out);
  }
  Result<void> check_unchanged() const override {
    if (checks_until_change-- > 0) return {};
    return Error(ErrorKind::kIo, Stage::kBytes, "the file changed while it was read");
  }

  mutable int checks_until_change = 1000;

 private:
  std::unique_ptr<ByteSource> file_;
  OnRead on_read_;
};

// A file of two float32 tensors "weight" [3, 2] and "bias" [3], and one that is not expected.
std::string write_file(const std::string& name, bool is_damaged = false,
                       std::uint64_t* other_offset = nullptr) {
  PickleBuilder pickle;
  pickle.empty_dict().mark();
  pickle.text("weight").tensor("FloatStorage", "0", 6, {3, 2}, {2, 1});
  pickle.text("bias").tensor("FloatStorage", "1", 3, {3}, {1});
  pickle.text("other").tensor("FloatStorage", "2", 4096, {4096}, {1});
  CheckpointBuilder builder;
  builder.pickle(pickle.op('u').stop()).storage("0", std::string(24, '\1'));
  // So much between the two that they are not read together.
  builder.storage("2", std::string(16384, '\7'));
  const auto flip = [&](auto& f) { f.crc32 ^= is_damaged ? 1 : 0; };
  builder.record("data/1", std::string(12, '\2'), {.descriptor = flip, .central = flip});
  const std::string bytes = builder.build();
  if (other_offset != nullptr) *other_offset = bytes.find(std::string(16384, '\7'));
  return testing::write_temporary(name, bytes);
}

LoadIntoOptions mode(LoadMode mode, LoadOptions load = {}) {
  return {.mode = mode, .load = std::move(load), .state_dict = {.ignore_unexpected = {"other"}}};
}

TEST(LoadInto, DoesWhatLoadAndLoadStateDictDo) {
  const auto expect_same = [](const std::string& path, auto&& make,
                              const std::vector<std::string>& keys) {
    auto expected = make();
    load_state_dict(*expected, load(path)->state_dict_at(keys).value()).value();
    const Snapshot values(*expected);
    for (const LoadMode mode : kModes) {
      auto module = make();
      const auto before = Snapshot(*module).versions;
      EXPECT_OK(load_into(*module, path, {.path = keys, .mode = mode})) << path;
      const Snapshot loaded(*module);
      for (std::size_t i = 0; i < values.values.size(); ++i) {
        EXPECT_TRUE(at::equal(values.values[i], loaded.values[i])) << path << " tensor " << i;
        EXPECT_GT(loaded.versions[i], before[i]) << path << " tensor " << i;
      }
    }
  };
  const std::string golden = "data/golden/";
  expect_same(golden + "state_linear.pt", [] { return torch::nn::Linear(10, 10); }, {});
  expect_same(golden + "state_batchnorm.pt", [] { return torch::nn::BatchNorm1d(4); }, {});
  expect_same(
      golden + "state_lstm.pt",
      [] {
        return torch::nn::LSTM(torch::nn::LSTMOptions(2, 3).num_layers(2).bidirectional(true));
      },
      {});
  // Another dtype, so nothing is read straight into the module.
  expect_same(golden + "state_half.pt", [] { return torch::nn::Linear(3, 2); }, {});
  expect_same(golden + "checkpoint_for_training.pt", [] { return torch::nn::Linear(3, 2); },
              {"model"});
}

TEST(LoadInto, MatchesBeforeItReadsTensors) {
  std::uint64_t other = 0;
  const std::string path = write_file("match_first.pt", false, &other);
  // Tensor data is alone in the second half of the file.
  std::uint64_t read = 0;
  const auto source = std::make_shared<WatchedSource>(
      path, [&](std::uint64_t offset, std::size_t bytes) -> Result<void> {
        if (offset >= other && offset < other + 8192) read += bytes;
        return {};
      });
  for (const LoadMode each : kModes) {
    torch::nn::Linear wrong(2, 4);
    const Snapshot before(*wrong);
    EXPECT_ERROR(load_into(*wrong, source, mode(each)), ErrorKind::kKey,
                 "size mismatch for weight");
    EXPECT_TRUE(before.equals(*wrong));
    // What the module does not take is not read either.
    torch::nn::Linear right(2, 3);
    EXPECT_OK(load_into(*right, source, mode(each)));
  }
  EXPECT_EQ(read, 0u);
}

TEST(LoadInto, ADamagedFileChangesNothing) {
  const std::string path = write_file("damaged.pt", /*is_damaged=*/true);
  for (const LoadMode each : kModes) {
    torch::nn::Linear module(2, 3);
    const Snapshot before(*module);
    EXPECT_ERROR(load_into(*module, path, mode(each)), ErrorKind::kChecksum, "data/1");
    EXPECT_TRUE(before.equals(*module));
    EXPECT_OK(load_into(*module, path, mode(each, {.verify_crc = false})));
  }
}

TEST(LoadInto, FailuresBeforeTheSecondPassChangeNothing) {
  const std::string path = write_file("failing.pt");
  for (const LoadMode each : kModes) {
    int reads = 0;
    for (int failing = 0;; ++failing) {
      reads = 0;
      const auto source =
          std::make_shared<WatchedSource>(path, [&](std::uint64_t, std::size_t) -> Result<void> {
            if (reads++ == failing) return Error(ErrorKind::kIo, Stage::kBytes, "disk on fire");
            return {};
          });
      torch::nn::Linear module(2, 3);
      const Snapshot before(*module);
      const auto done = load_into(*module, source, mode(each, {.threads = 1}));
      if (done.ok()) break;
      if (done.error().kind() == ErrorKind::kTorn) {
        ASSERT_EQ(each, LoadMode::kInPlace);
        EXPECT_ERROR(done, ErrorKind::kTorn, "disk on fire; of 2 parameters and buffers");
      } else {
        ASSERT_TRUE(before.equals(*module)) << failing;
        EXPECT_ERROR(done, ErrorKind::kIo, "disk on fire");
      }
    }
    EXPECT_GT(reads, 5);
  }
}

TEST(LoadInto, ATornLoadNamesWhatIsNew) {
  const std::string path = write_file("torn.pt");
  int reads = 0, all = 0;
  const auto source_of = [&](int failing) {
    reads = 0;
    return std::make_shared<WatchedSource>(path, [&, failing](std::uint64_t, std::size_t) {
      if (reads++ == failing) {
        return Result<void>(Error(ErrorKind::kIo, Stage::kBytes, "disk on fire"));
      }
      return Result<void>();
    });
  };
  torch::nn::Linear module(2, 3);
  const LoadIntoOptions options = mode(LoadMode::kInPlace, {.threads = 1});
  EXPECT_OK(load_into(*module, source_of(-1), options));
  all = reads;
  // The last read is of the bias, the one before it of the weight.
  const auto last = load_into(*module, source_of(all - 1), options);
  EXPECT_ERROR(last, ErrorKind::kTorn, "'weight', 'bias'");
  const auto first = load_into(*module, source_of(all - 2), options);
  EXPECT_ERROR(first, ErrorKind::kTorn, "some of them: 'weight'");
  EXPECT_EQ(first.error().problem().find("'bias'"), std::string::npos);
  EXPECT_ERROR(load_into(*module, source_of(all - 3), options), ErrorKind::kIo, "disk on fire");
}

TEST(LoadInto, AFileThatChangesMeanwhileIsTorn) {
  const std::string path = write_file("changing.pt");
  const auto pass = [](std::uint64_t, std::size_t) { return Result<void>(); };
  const auto source = std::make_shared<WatchedSource>(path, pass);
  torch::nn::Linear module(2, 3);
  source->checks_until_change = 1000;
  EXPECT_OK(load_into(*module, source, mode(LoadMode::kInPlace)));
  const int checks = 1000 - source->checks_until_change;
  source->checks_until_change = checks - 1;  // the last look finds a change
  EXPECT_ERROR(load_into(*module, source, mode(LoadMode::kInPlace)), ErrorKind::kTorn,
               "the file changed while it was read");
  source->checks_until_change = checks - 2;  // the one before does, and nothing was written
  const Snapshot before(*module);
  EXPECT_ERROR(load_into(*module, source, mode(LoadMode::kInPlace)), ErrorKind::kIo, "changed");
  EXPECT_TRUE(before.equals(*module));
}

TEST(LoadInto, CanBeStopped) {
  const std::string path = write_file("stopped.pt");
  for (const LoadMode each : kModes) {
    torch::nn::Linear module(2, 3);
    const Snapshot before(*module);
    std::uint64_t last = 0, total = 0;
    LoadOptions load{.progress = [](std::uint64_t, std::uint64_t) { return false; }};
    EXPECT_ERROR(load_into(*module, path, mode(each, load)), ErrorKind::kCancelled, "stopped");
    EXPECT_TRUE(before.equals(*module));
    load.progress = [&](std::uint64_t done, std::uint64_t all) {
      EXPECT_GE(done, last);
      last = done;
      total = all;
      return true;
    };
    EXPECT_OK(load_into(*module, path, mode(each, load)));
    // In place every byte is read once to be verified.
    const std::uint64_t expected = each == LoadMode::kInPlace ? 72 : 36;
    EXPECT_EQ(last, expected);
    EXPECT_EQ(total, expected);
  }
}

// 70 MB of zeros in a few kilobytes.
TEST(LoadInto, InPlaceTakesNoMoreThanItSays) {
  constexpr std::int64_t kRows = 17'500;
  PickleBuilder pickle;
  pickle.empty_dict().text("weight").tensor("FloatStorage", "0", kRows * 1000, {kRows, 1000},
                                            {1000, 1});
  CheckpointBuilder builder;
  builder.pickle(pickle.op('s').stop());
  builder.record("data/0", std::string(kRows * 4000, '\0'), {.deflate = true});
  const std::string path = testing::write_temporary("large.pt", builder.build());
  torch::nn::Linear module(torch::nn::LinearOptions(1000, kRows).bias(false));
  const Snapshot before(*module);
  const LoadOptions generous{.limits = {.max_expansion = 10'000}};
  EXPECT_ERROR(load_into(*module, path, mode(LoadMode::kInPlace, generous)),
               ErrorKind::kUnsupported, "(such as 'weight')");
  EXPECT_TRUE(before.equals(*module));
  EXPECT_OK(load_into(*module, path, mode(LoadMode::kStaged, generous)));
  EXPECT_FALSE(before.equals(*module));
}

// M03
TEST(LoadInto, AFunctionThatFailsChangesNothing) {
  torch::nn::Linear module(2, 3);
  const Snapshot before(*module);
  LoadIntoOptions options = mode(LoadMode::kStaged);
  options.state_dict.assign = true;
  options.load.map_location = [](const StorageSpec& storage, std::string_view) {
    if (storage.key == "1") throw std::runtime_error("no such table");
    return c10::Device(c10::kCPU);
  };
  EXPECT_ERROR(load_into(*module, write_file("placed.pt"), options), ErrorKind::kDevice,
               "no such table");
  EXPECT_TRUE(before.equals(*module));
}

TEST(LoadInto, AssignsOnlyWhenStaged) {
  const std::string path = "data/golden/state_half.pt";
  torch::nn::Linear module(3, 2);
  LoadIntoOptions options{.state_dict = {.assign = true}};
  EXPECT_OK(load_into(*module, path, options));
  EXPECT_EQ(module->weight.scalar_type(), at::kHalf);
  options.mode = LoadMode::kInPlace;
  EXPECT_ERROR(load_into(*module, path, options), ErrorKind::kUnsupported, "in place");
}

}  // namespace
}  // namespace hardload
