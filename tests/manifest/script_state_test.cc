// TorchScript modules in the manifest: names, the state dict, and what is refused.

#include "loader/manifest/script_state.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/manifest/tensor_calls.h"

namespace hardload {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;
using testing::CheckpointBuilder;
using testing::PickleBuilder;

// Instructions that push an object of the class __torch__.Net with these attributes.
std::string object(const Attributes& attributes) {
  PickleBuilder pickle("");
  pickle.global("__torch__", "Net").empty_tuple().op('\x81').empty_dict().mark();
  for (const auto& [name, value] : attributes) pickle.text(name).raw(value);
  return pickle.op('u').op('b').bytes();
}

std::string list(const std::string& item) { return "](" + item + "e"; }

CheckpointBuilder script_file(const std::string& instructions) {
  return CheckpointBuilder()
      .pickle(PickleBuilder().raw(instructions).stop())
      .record("code/__torch__.py", "class Net(Module):\n")
      .record("constants.pkl", PickleBuilder().empty_tuple().stop())
      .storage("0", std::string(24, '\1'));
}

Result<Manifest> describe_script(const std::string& instructions, const Limits& limits = {}) {
  return testing::describe_file(script_file(instructions), {.limits = limits});
}

std::vector<std::string> names(const Manifest& manifest) {
  std::vector<std::string> out;
  for (const NamedTensor& named : manifest.named_tensors()) {
    out.emplace_back(manifest.name(named));
  }
  return out;
}

std::vector<std::string> state_names(Value module) {
  std::vector<std::string> out;
  for (const ScriptTensor& entry : script_state(module)) {
    EXPECT_EQ(entry.tensor.kind(), ValueKind::kTensor);
    out.push_back(entry.name);
  }
  return out;
}

const std::string kTensor = testing::tensor();
using Names = std::vector<std::string>;

TEST(ScriptModule, TensorsAreNamedByTheirAttributes) {
  const auto manifest = describe_script(
      object({{"w", kTensor},
              {"on", "\x88"},
              {"fc", object({{"weight", kTensor}, {"deep", object({{"b", kTensor}})}, {"n", "N"}})},
              {"many", list(kTensor + object({{"x", kTensor}}))}}));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->container().format(), Format::kTorchScript);
  EXPECT_EQ(names(*manifest), (Names{"w", "fc.weight", "fc.deep.b", "many.0", "many.1.x"}));
  const auto path = manifest->path(manifest->named_tensors()[2]);
  ASSERT_EQ(path.size(), 3u);
  EXPECT_EQ(path[1].as_string(), "deep");
  // What is in lists is no part of a state dict.
  EXPECT_EQ(state_names(manifest->root()), (Names{"w", "fc.weight", "fc.deep.b"}));
  EXPECT_EQ(state_names(*manifest->root().find("fc")), (Names{"weight", "deep.b"}));
}

TEST(ScriptModule, WhatAClassSavedInItsOwnWayKeepsThePlaceOfTheObject) {
  const std::string packed =
      PickleBuilder("").global("__torch__.torch.classes.quantized", "Packed").bytes() + ")\x81" +
      "(" + kTensor + "Nt" + "b";
  const auto manifest = describe_script(object({{"packed", packed}}));
  ASSERT_OK(manifest);
  EXPECT_EQ(names(*manifest), (Names{"packed.0"}));
  EXPECT_EQ(state_names(manifest->root()), Names{});
  const Value value = *manifest->root().find("packed");
  EXPECT_EQ(value.part(InertPart::kState).size(), 2u);
  // A dict with other keys than names has no attributes.
  const std::string numbered =
      PickleBuilder("").global("__torch__", "Table").empty_tuple().op('\x81').bytes() + "}K\x05" +
      kTensor + "sb";
  const auto table = describe_script(object({{"table", numbered}, {"w", kTensor}}));
  ASSERT_OK(table);
  EXPECT_EQ(names(*table), (Names{"table.5", "w"}));
  EXPECT_EQ(state_names(table->root()), Names{"w"});
}

TEST(ScriptModule, ASharedObjectIsThereUnderEachName) {
  const auto manifest =
      describe_script(object({{"a", object({{"w", kTensor}}) + "q\x05"}, {"b", "h\x05"}}));
  ASSERT_OK(manifest);
  EXPECT_EQ(names(*manifest), (Names{"a.w", "b.w"}));
  EXPECT_EQ(manifest->tensors().size(), 1u);
  EXPECT_EQ(state_names(manifest->root()), (Names{"a.w", "b.w"}));
}

TEST(ScriptModule, AnObjectInsideItselfIsNotEnteredAgain) {
  const std::string root = PickleBuilder("").global("__torch__", "Net").bytes() + ")\x81q\x05}(" +
                           PickleBuilder("").text("self").bytes() + "h\x05" +
                           PickleBuilder("").text("w").bytes() + kTensor + "ub";
  const auto manifest = describe_script(root);
  ASSERT_OK(manifest);
  EXPECT_EQ(names(*manifest), Names{"w"});
  EXPECT_EQ(state_names(manifest->root()), Names{"w"});
}

// Else each order of the objects would be a path.
TEST(ScriptModule, ObjectsThatShareTheirAttributesAreNotEnteredInsideEachOther) {
  PickleBuilder pickle("");
  pickle.empty_dict().put(0);
  pickle.mark();
  for (std::uint32_t i = 0; i < 30; ++i) {
    pickle.text("o" + std::to_string(i)).global("__torch__", "Net").empty_tuple().op('\x81');
    pickle.get(0).op('b');
  }
  pickle.text("w").raw(kTensor).op('u').op('0');
  pickle.global("__torch__", "Net").empty_tuple().op('\x81').get(0).op('b');
  const auto manifest = describe_script(pickle.bytes());
  ASSERT_OK(manifest);
  EXPECT_EQ(names(*manifest), Names{"w"});
  EXPECT_EQ(state_names(manifest->root()), Names{"w"});
}

TEST(ScriptModule, ObjectsDoubledAgainAndAgainAreALimit) {
  PickleBuilder pickle("");
  pickle.raw(kTensor).put(0);
  for (std::uint32_t i = 0; i < 60; ++i) {
    pickle.global("__torch__", "Net").empty_tuple().op('\x81').empty_dict().mark();
    pickle.text("a").get(i).text("b").get(i).op('u').op('b').put(i + 1);
  }
  // Above the root lie the objects that it is made of.
  PickleBuilder root("");
  root.mark().raw(pickle.bytes()).op('1').get(60);
  EXPECT_ERROR(describe_script(root.bytes()), ErrorKind::kLimit, "max_walk_ratio");
}

TEST(ScriptModule, AnAttributeThatStandsTwiceIsRefused) {
  EXPECT_ERROR(describe_script(object({{"w", kTensor}, {"w", kTensor}})), ErrorKind::kKey,
               "'w' stands twice");
}

// Z27
TEST(ScriptModule, AnArchiveWithTwoMeaningsIsRefused) {
  for (const char* root : {"}", "]", "N", ")", "K\x01"}) {
    EXPECT_ERROR(describe_script(root), ErrorKind::kUnsupported, "not a module") << root;
  }
  EXPECT_ERROR(describe_script(kTensor), ErrorKind::kUnsupported, "not a module");
}

TEST(ScriptModule, OtherFilesMayNotNameItsClasses) {
  const std::string net = object({{"w", kTensor}});
  EXPECT_ERROR(testing::describe_w(net), ErrorKind::kGlobal, "__torch__.Net");
  const auto by_libtorch = testing::describe_file(CheckpointBuilder()
                                                      .without("byteorder")
                                                      .pickle(PickleBuilder().raw(net).stop())
                                                      .storage("0", std::string(24, '\1')));
  ASSERT_OK(by_libtorch);
  EXPECT_EQ(names(*by_libtorch), Names{"w"});
}

TEST(ScriptModule, ANameThatIsNoDataIsRefusedAsEverywhere) {
  EXPECT_ERROR(describe_script(object({{"w", "cos\nsystem\nU\x02ls\x85R"}})), ErrorKind::kGlobal,
               "os.system");
}

// What LibTorch writes of tensors in another way than Python.
std::string sparse(const std::string& layout, const std::vector<std::string>& parts) {
  std::vector<std::string> arguments = {layout, testing::push::integers({2, 2}), "\x89"};
  arguments.insert(arguments.end(), parts.begin(), parts.end());
  arguments.push_back(testing::push::no_hooks());
  return testing::push::call("torch._utils", "_rebuild_sparse_tensor", arguments);
}
TEST(ScriptModule, SparseTensorsSayTheirLayoutByNumber) {
  const std::string coo_indices =
      PickleBuilder("").tensor("LongStorage", "0", 3, {2, 1}, {1, 1}).bytes();
  const std::string values = PickleBuilder("").tensor("LongStorage", "0", 3, {1}, {1}).bytes();
  const auto coo = describe_script(object({{"s", sparse("K\x01", {coo_indices, values})}}));
  ASSERT_OK(coo);
  const TensorSpec& tensor = coo->tensors()[coo->named_tensors()[0].tensor];
  EXPECT_EQ(tensor.layout, TensorLayout::kSparseCoo);
  EXPECT_FALSE(coo->sparse(tensor).is_coalesced);
  const std::string rows = PickleBuilder("").tensor("LongStorage", "0", 3, {3}, {1}).bytes();
  const auto csr = describe_script(object({{"s", sparse("K\x02", {rows, values, values})}}));
  ASSERT_OK(csr);
  EXPECT_EQ(csr->tensors()[csr->named_tensors()[0].tensor].layout, TensorLayout::kSparseCsr);
  for (const auto& [layout, parts] : std::vector<std::pair<std::string, Names>>{
           {"K\x01", {coo_indices}},
           {"K\x01", {coo_indices, values, values}},
           {"K\x02", {rows, values}},
           {"K\x03", {rows, values, values}},
           {testing::push::integer(-1), {rows, values, values}},
           {"K\x01", {"N", values}}}) {
    EXPECT_ERROR(describe_script(object({{"s", sparse(layout, parts)}})), ErrorKind::kLayout, "");
  }
  // Python's files have another form.
  EXPECT_ERROR(testing::describe_w(sparse("K\x01", {coo_indices, values})), ErrorKind::kLayout, "");
}

TEST(ScriptModule, ElementsOfAStorageAreRoundedDown) {
  const std::string tensor = PickleBuilder("").tensor("DoubleStorage", "0", 2, {2}, {1}).bytes();
  const CheckpointBuilder odd = CheckpointBuilder()
                                    .pickle(PickleBuilder().raw(object({{"w", tensor}})).stop())
                                    .record("constants.pkl", PickleBuilder().empty_tuple().stop());
  for (const std::size_t bytes : {16u, 17u, 23u}) {
    const auto manifest =
        testing::describe_file(CheckpointBuilder(odd).storage("0", std::string(bytes, '\1')));
    ASSERT_OK(manifest) << bytes;
    EXPECT_EQ(manifest->storages()[0].bytes, bytes);
  }
  for (const std::size_t bytes : {15u, 24u}) {
    EXPECT_ERROR(
        testing::describe_file(CheckpointBuilder(odd).storage("0", std::string(bytes, '\1'))),
        ErrorKind::kStorage, "does not match")
        << bytes;
  }
}

}  // namespace
}  // namespace hardload
