// save: what it writes is what torch writes, and comes back as it was.

#include "loader/torch/save.h"

#include <array>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ops/_efficientzerotensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "loader/torch/load.h"
#include "loader/torch/load_state_dict.h"
#include "loader/torch/module_state.h"
#include "loader/torch/to_tree.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/string_sink.h"
#include "tests/torch/difference.h"

namespace hardload {
namespace {

std::string temporary(const std::string& name) { return ::testing::TempDir() + "/" + name; }

// Files that torch wrote by other means than torch.save(object, path) with its defaults, or whose
// tensors have Python attributes; and one in which a quantized tensor's scales and zero points are
// one object in Python, but are two here.
bool is_written_otherwise(std::string_view path) {
  for (const std::string_view name : {"saved_", "with_attributes", "quantized_below_a_byte"}) {
    if (path.find(name) != path.npos) return true;
  }
  return false;
}

// Loading and saving a file of torch gives the same bytes: its records, its pickle and its layout.
TEST(Save, WritesTheBytesThatTorchWrites) {
  int same = 0;
  for (const std::string& path : testing::golden_archives()) {
    if (is_written_otherwise(path)) continue;
    const std::string copy = temporary(std::filesystem::path(path).filename());
    auto checkpoint = load(path);
    ASSERT_OK(checkpoint) << path;
    EXPECT_OK(save(*checkpoint, copy)) << path;
    EXPECT_EQ(testing::read_file(copy), testing::read_file(path)) << path;
    ++same;
  }
  EXPECT_GT(same, 90);
}

TEST(Save, OtherFilesComeBackEqual) {
  for (const char* name : {"saved_and_packed_again", "saved_without_crc", "saved_to_a_stream",
                           "saved_aligned_to_pages"}) {
    const std::string path = "data/golden/" + std::string(name) + ".pt", copy = temporary(name);
    ASSERT_OK(save(*load(path), copy)) << name;
    const auto before = load(path), after = load(copy);
    ASSERT_OK(after) << name;
    EXPECT_TRUE(at::equal(before->tensor("t").value(), after->tensor("t").value())) << name;
    EXPECT_EQ(after->report().verified_bytes, after->report().bytes) << name;
  }
}

TEST(Save, IntoASinkAsTorchIntoAStream) {
  const std::string path = "data/golden/saved_to_a_stream.pt";
  testing::StringSink sink;
  ASSERT_OK(save(to_tree(load(path).value()).value(), sink));
  EXPECT_EQ(sink.content, testing::read_file(path));
  testing::StringSink full;
  full.capacity = 1000;
  EXPECT_ERROR(save(Tree::list({at::ones({500})}), full), ErrorKind::kIo, "full");
}

TEST(Save, ATreeBuiltByHandComesBack) {
  const at::Tensor numbers = at::arange(12, at::kFloat).view({3, 4});
  const Tree shared = Tree::list({1, "two", 3.5});
  Tree tree = Tree::dict({{"numbers", numbers},
                          {"view", numbers.t()},
                          {"parameter", Tree::parameter(at::ones({2}).requires_grad_())},
                          {"first", shared},
                          {"second", shared},
                          {7, Tree::tuple({Tree(), true, Tree::bytes("raw")})}});
  tree.add("complex", std::complex<double>(1, -2));
  const std::string path = temporary("tree.pt");
  ASSERT_OK(save(tree, path));
  const auto loaded = load(path);
  ASSERT_OK(loaded);
  const Value root = loaded->root();
  EXPECT_TRUE(at::equal(loaded->tensor("numbers").value(), numbers));
  EXPECT_TRUE(loaded->tensor("numbers")->is_alias_of(loaded->tensor("view").value()));
  EXPECT_EQ(loaded->tensor("view")->strides(), numbers.t().strides());
  EXPECT_TRUE(loaded->tensor("parameter")->requires_grad());
  EXPECT_EQ(root.find("first")->identity(), root.find("second")->identity());
  EXPECT_EQ(root.find("first")->item(1).as_string(), "two");
  EXPECT_EQ(root.find("complex")->imaginary(), -2);
  EXPECT_EQ(root.key(5).as_int(), 7);
  EXPECT_EQ(root.item(5).item(0).kind(), ValueKind::kNone);
}

// Lesson, row 2: save the state dict, load it into a fresh model; every parameter is equal.
TEST(Save, AModulesStateDictComesBackIntoAFreshOne) {
  const auto make = [] {
    return torch::nn::Sequential(torch::nn::Linear(4, 3), torch::nn::BatchNorm1d(3));
  };
  torch::nn::Sequential trained = make(), fresh = make();
  trained->forward(at::ones({5, 4}));  // moves the running statistics
  const std::string path = temporary("module.pt");
  ASSERT_OK(save(state_dict_of(*trained), path));
  ASSERT_OK(load_state_dict(*fresh, load(path)->state_dict().value()));
  const auto expected = state_dict_of(*trained), loaded = state_dict_of(*fresh);
  ASSERT_EQ(loaded.entries.size(), 7u);
  for (std::size_t i = 0; i < loaded.entries.size(); ++i) {
    EXPECT_EQ(loaded.entries[i].key, expected.entries[i].key);
    EXPECT_TRUE(at::equal(loaded.entries[i].tensor, expected.entries[i].tensor));
  }
  EXPECT_EQ(load(path)->state_dict()->versions.size(), 3u);
}

// What Python's model.state_dict() gives: all keys in order, a version for each module, and the
// module's own memory.
TEST(Save, AModulesStateDictIsThatOfPython) {
  torch::nn::Sequential net(torch::nn::Linear(4, 3), torch::nn::BatchNorm1d(3));
  const StateDict state = state_dict_of(*net);
  std::vector<std::string> keys, versions;
  for (const auto& entry : state.entries) {
    keys.push_back(entry.key);
    EXPECT_FALSE(entry.tensor.requires_grad()) << entry.key;
  }
  for (const auto& v : state.versions) versions.push_back(v.path + ":" + std::to_string(v.version));
  EXPECT_EQ(keys,
            (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                      "1.running_var", "1.num_batches_tracked"}));
  EXPECT_EQ(versions, (std::vector<std::string>{":1", "0:1", "1:2"}));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(state.entries[i].tensor.data_ptr(), net->parameters()[i].data_ptr()) << keys[i];
  }
}

// Torch does not save these: it has one type for each storage.
TEST(Save, TwoTypesInOneMemoryComeBackInOneMemory) {
  const at::Tensor numbers = at::arange(6, at::kFloat);
  const std::string path = temporary("two_types.pt");
  ASSERT_OK(save(Tree::dict({{"floats", numbers}, {"ints", numbers.view(at::kInt)}}), path));
  const auto loaded = load(path);
  ASSERT_OK(loaded);
  EXPECT_TRUE(at::equal(loaded->tensor("floats").value(), numbers));
  EXPECT_TRUE(loaded->tensor("ints")->is_alias_of(loaded->tensor("floats").value()));
}

TEST(Save, WhatIsNoPlainDataIsRefused) {
  const std::string path = temporary("refused.pt");
  std::filesystem::remove(path);
  const auto training = load("data/lesson/training.pt", {.unlisted = Unlisted::kKeepAsData});
  EXPECT_ERROR(save(*training, path), ErrorKind::kUnsupported, "not plain data");
  const auto attributes = load("data/golden/tensor_with_attributes.pt");
  EXPECT_ERROR(save(*attributes, path), ErrorKind::kUnsupported, "Python attributes ('tag')");
  const auto part = load("data/golden/state_linear.pt", {.only = {"bias"}});
  EXPECT_ERROR(save(*part, path), ErrorKind::kKey, "loaded in part");
  EXPECT_ERROR(save(Tree::dict({{"t", at::Tensor()}}), path), ErrorKind::kUnsupported, "under 't'");
  EXPECT_ERROR(save(Tree::dict({{"t", at::_efficientzerotensor({2})}}), path),
               ErrorKind::kUnsupported, "under 't': this tensor has no memory of its own");
  EXPECT_ERROR(save(Tree::dict({{"k", 1}, {"k", 2}}), path), ErrorKind::kKey, "'k'");
  EXPECT_ERROR(save(Tree::dict({{Tree::list(), 1}}), path), ErrorKind::kKey, "list");
  EXPECT_ERROR(save(Tree::named_class("os", "system"), path), ErrorKind::kUnsupported, "os");
  EXPECT_ERROR(save(Tree::named_class("torch", "int8"), path), ErrorKind::kUnsupported, "type");
  EXPECT_ERROR(save(Tree::device("cuda", -1), path), ErrorKind::kUnsupported, "index");
  EXPECT_ERROR(save(Tree::device("cuda", 128), path), ErrorKind::kUnsupported, "index");
  const at::Tensor floats = at::ones({2});
  const Tree storage = Tree::storage(floats.storage(), at::kDouble);
  EXPECT_ERROR(save(Tree::list({floats, storage}), path), ErrorKind::kUnsupported, "float64");
  EXPECT_FALSE(std::filesystem::exists(path));
}

// What Python has only once, however often it is made, is no reason to take two arrays for one.
TEST(Save, WhatIsOneObjectStaysOneAndTwoStayTwo) {
  for (const Tree& object : {Tree::byte_array(""), Tree::byte_array("x"), Tree::byte_array("xy"),
                             Tree::size({}), Tree::size({2}), Tree::tuple({1}), Tree("text")}) {
    Tree::Items items = {object, object};
    items.push_back(object.kind() == ValueKind::kByteArray ? Tree::byte_array(object.text())
                                                           : Tree());
    const Tree tree = Tree::list(items);
    testing::StringSink sink;
    ASSERT_OK(save(tree, sink));
    const auto loaded = load(std::make_shared<MemorySource>(testing::source_of(sink.content)));
    EXPECT_EQ(testing::difference(tree, to_tree(loaded.value()).value()), "");
  }
}

// The rule of load(), which refuses such files; Python would keep the last.
TEST(Save, KeysThatPythonHoldsToBeEqualAreRefused) {
  const Tree huge = Tree::big_int(std::string(9, '\x01')), text = "k";
  const at::Tensor tensor = at::ones({1});
  const Tree with_storage = Tree::tuple({Tree::storage(tensor.storage())});
  const std::pair<Tree, Tree> equal[] = {
      {1, 1.0},
      {true, std::complex<double>(1, 0)},
      {huge, Tree::big_int(std::string(9, '\x01'))},
      {1, Tree::big_int(std::string("\x01\0\0\0\0\0\0\0\0", 9))},
      {Tree::tuple({1, text}), Tree::tuple({1.0, text})},
      {Tree::tuple({2}), Tree::size({2})},
      {Tree::device("cuda", 1), Tree::device("cuda", 1)},
      {Tree::dtype("int8"), Tree::dtype("int8")},
      {tensor, tensor},
      {with_storage, with_storage},
  };
  for (const auto& [a, b] : equal) {
    testing::StringSink sink;
    EXPECT_ERROR(save(Tree::dict({{a, 1}, {b, 2}}), sink), ErrorKind::kKey, "twice");
    EXPECT_ERROR(save(Tree::set({a, b}), sink), ErrorKind::kKey, "twice");
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tree different = Tree::set({nan, nan, 1, "1", Tree::bytes("1"), Tree::tuple({1}), Tree(),
                                    std::complex<double>(1, 1), huge, tensor, at::ones({1}),
                                    Tree::tuple({nan}), Tree::tuple({nan}), Tree::device("cuda"),
                                    Tree::dtype("int8"), Tree::qscheme("per_tensor_affine")});
  testing::StringSink sink;
  ASSERT_OK(save(different, sink));
  EXPECT_OK(load(std::make_shared<MemorySource>(testing::source_of(sink.content))));
  Tree shared = Tree::tuple({1});
  for (int i = 0; i < 60; ++i) shared = Tree::tuple({shared, shared});
  EXPECT_ERROR(save(Tree::dict({{shared, 1}}), sink), ErrorKind::kLimit, "to compare");
}

TEST(Save, AFailureLeavesTheOldFile) {
  const std::string path = temporary("kept.pt");
  ASSERT_OK(save(Tree::dict({{"epoch", 1}}), path));
  EXPECT_ERROR(save(Tree::dict({{"epoch", 2}, {"t", at::Tensor()}}), path), ErrorKind::kUnsupported,
               "under 't'");
  EXPECT_EQ(load(path)->root().find("epoch")->as_int(), 1);
  ASSERT_OK(save(Tree::dict({{"epoch", 3}}), path));
  EXPECT_EQ(load(path)->root().find("epoch")->as_int(), 3);
  EXPECT_ERROR(save(Tree(), temporary("no such folder/x.pt")), ErrorKind::kIo, "no such folder");
}

TEST(Save, RecordsBeginWhereTheCallerSays) {
  const std::string path = temporary("aligned.pt");
  const Tree tree = Tree::dict({{"a", at::ones({3})}, {"b", at::ones({5})}});
  for (const std::uint64_t alignment : {16u, 64u, 4096u}) {
    ASSERT_OK(save(tree, path, {.alignment = alignment}));
    for (const StorageSpec& storage : load(path)->manifest().storages()) {
      EXPECT_EQ(storage.record->data_offset % alignment, 0u);
    }
  }
  EXPECT_ERROR(save(tree, path, {.alignment = 48}), ErrorKind::kUnsupported, "alignment 48");
}

}  // namespace
}  // namespace hardload
