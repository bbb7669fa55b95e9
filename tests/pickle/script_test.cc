// What LibTorch's pickler writes beside what Python's does, and that Python's files may not name
// it.

#include "loader/pickle/script.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/base/dtype.h"
#include "loader/pickle/globals.h"
#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::PickleBuilder;

Result<ValueGraph> run_libtorch(const std::string& instructions) {
  return testing::run(PickleBuilder().raw(instructions).stop(), {}, Unlisted::kRefuse,
                      Dialect::kLibTorch);
}

std::string made(const std::string& instructions) {
  const auto graph = run_libtorch(instructions);
  return graph.ok() ? testing::show(Value(*graph, graph->root)) : graph.error().message();
}

const std::string kNet = "c__torch__\nNet\n";
const std::string kJit = "ctorch.jit._pickle\n";

TEST(Script, AnObjectHasAClassAndAttributes) {
  const std::string object = kNet + ")\x81}(U\x01wK\x01U\x02onNub";
  EXPECT_EQ(made(object), "script(<class __torch__.Net>, {'w': 1, 'on': None})");
  const auto graph = run_libtorch(object);
  ASSERT_OK(graph);
  const Value value(*graph, graph->root);
  EXPECT_TRUE(value.is_mapping());
  EXPECT_EQ(value.size(), 2u);
  EXPECT_EQ(value.key(1).as_string(), "on");
  EXPECT_EQ(value.item(0).as_int(), 1);
  EXPECT_EQ(value.find("w")->as_int(), 1);
  EXPECT_FALSE(value.attributes());
  EXPECT_EQ(value.part(InertPart::kCallable).text(), "__torch__\nNet");
  EXPECT_EQ(value.part(InertPart::kState).kind(), ValueKind::kDict);
  EXPECT_EQ(value.part(InertPart::kArguments).kind(), ValueKind::kNone);
}

TEST(Script, AStateThatIsNoDictIsNoMapping) {
  const auto graph = run_libtorch(kNet +
                                  ")\x81K\x01K\x02\x86"
                                  "b");
  ASSERT_OK(graph);
  const Value value(*graph, graph->root);
  EXPECT_EQ(testing::show(value), "script(<class __torch__.Net>, (1, 2))");
  EXPECT_FALSE(value.is_mapping());
  EXPECT_EQ(value.size(), 0u);
  EXPECT_FALSE(value.find("w"));
}

TEST(Script, AMemberOfAnEnumHasAValue) {
  EXPECT_EQ(made("c__torch__.a.b\nColor\nK\x02R"), "script(<class __torch__.a.b.Color>, 2)");
}

TEST(Script, ObjectsAreSharedAndMayHoldThemselves) {
  EXPECT_EQ(made(kNet + ")\x81q\x01}U\x01"
                        "ah\x01sb"),
            "script(<class __torch__.Net>, {'a': ...})");
}

TEST(Script, RefusesWhatLibTorchDoesNotWrite) {
  EXPECT_EQ(run_libtorch(kNet + "K\x01\x85\x81").error().kind(), ErrorKind::kPickle);
  EXPECT_EQ(run_libtorch(kNet + "]\x81").error().kind(), ErrorKind::kPickle);
  EXPECT_ERROR(run_libtorch(kNet + ")\x81}b}b"), ErrorKind::kPickle, "to one object twice");
  EXPECT_EQ(run_libtorch(kNet + "}b").error().kind(), ErrorKind::kPickle);  // of the class itself
  EXPECT_EQ(run_libtorch(kNet + ")\x81K\x01"
                                "a")
                .error()
                .kind(),
            ErrorKind::kPickle);
  EXPECT_EQ(run_libtorch(kNet + ")\x81)R").error().kind(), ErrorKind::kPickle);
}

TEST(Script, TypedListsAndTagsAreTheValuesThemselves) {
  for (const char* name :
       {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"}) {
    EXPECT_EQ(made(kJit + name +
                   "\n(](K\x01K\x02"
                   "etR"),
              "[1, 2]")
        << name;
  }
  EXPECT_EQ(made(kJit + "restore_type_tag\n}U\x0e"
                        "Dict[str, int]\x86R"),
            "{}");
  for (const char* wrong :
       {"build_intlist\n)R", "build_intlist\n]]\x86R", "build_intlist\nN\x85R",
        "build_intlist\n]\x85\x81", "restore_type_tag\n]\x85R", "restore_type_tag\n]N\x86R"}) {
    EXPECT_EQ(run_libtorch(kJit + wrong).error().kind(), ErrorKind::kPickle) << wrong;
  }
  EXPECT_ERROR(run_libtorch(kJit + "build_tensor_from_id\nK\x01\x85R"), ErrorKind::kGlobal,
               "torch.jit._pickle.build_tensor_from_id");
}

TEST(Script, ADeviceMayBeOneText) {
  EXPECT_EQ(made("ctorch\ndevice\nU\x06"
                 "cuda:1\x85R"),
            "device('cuda', 1)");
  EXPECT_EQ(made("ctorch\ndevice\nU\x03"
                 "cpu\x85R"),
            "device('cpu')");
  for (const char* wrong : {"\x05"
                            "cuda:",
                            "\x07"
                            "cuda:-1",
                            "\x07"
                            "cuda:1x",
                            "\x08"
                            "cuda:128",
                            "\x04"
                            "gpu0",
                            "\x02"
                            ":1"}) {
    EXPECT_EQ(run_libtorch(std::string("ctorch\ndevice\nU") + wrong + "\x85R").error().kind(),
              ErrorKind::kPickle)
        << wrong;
  }
}

TEST(Script, FilesOfTorchSaveMayNotNameIt) {
  for (const std::string& name :
       {kNet, kJit + "build_intlist\n", kJit + "restore_type_tag\n",
        std::string("ctorch\nUInt16Storage\n"), std::string("c__torch__.os\nsystem\n")}) {
    EXPECT_ERROR(testing::run(PickleBuilder().raw(name).stop()), ErrorKind::kGlobal, "") << name;
    EXPECT_OK(run_libtorch(name));
  }
  EXPECT_EQ(testing::run(PickleBuilder()
                             .raw("ctorch\ndevice\nU\x06"
                                  "cuda:1\x85R")
                             .stop())
                .error()
                .kind(),
            ErrorKind::kPickle);
  // The name's beginning is not enough.
  for (const char* name : {"c__torch__x\nNet\n", "c__torch\nNet\n", "cx.__torch__\nNet\n",
                           "ctorch.jit._pickle.x\nbuild_intlist\n", "ctorch.jit\n_pickle\n"}) {
    EXPECT_ERROR(run_libtorch(name), ErrorKind::kGlobal, "") << name;
  }
}

// The names in C++ of all types that have no storage class in Python, and no others.
TEST(Script, StorageClassesOfEveryType) {
  for (const char* name :
       {"ComplexHalf", "UInt16", "UInt32", "UInt64", "Float8_e5m2", "Float8_e4m3fn",
        "Float8_e5m2fnuz", "Float8_e4m3fnuz", "Float8_e8m0fnu", "Float4_e2m1fn_x2", "Bits8",
        "Bits16", "Bits1x8", "Bits2x4", "Bits4x2", "Float", "QInt8"}) {
    const auto found = find_global("torch", std::string(name) + "Storage", Dialect::kLibTorch);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->kind, GlobalKind::kStorageClass) << name;
    EXPECT_TRUE(found->dtype) << name;
  }
  EXPECT_EQ(find_global("torch", "UInt32Storage", Dialect::kLibTorch)->dtype, Dtype::kUInt32);
  EXPECT_EQ(find_global("torch", "ComplexHalfStorage", Dialect::kLibTorch)->dtype,
            Dtype::kComplex32);
  EXPECT_FALSE(find_global("torch", "UInt1Storage", Dialect::kLibTorch));
  EXPECT_FALSE(find_global("torch.cuda", "UInt16Storage", Dialect::kLibTorch));
}

}  // namespace
}  // namespace hardload
