// What hurts users of checkpoints most, from PyTorch's and others' issue trackers: for each, the
// answer that they get here. (What a module does not match, 10 to 14, 17 and 19, is in
// pains_of_modules_test.cc.)

#include <string>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "loader/hardload.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::PickleBuilder;

Result<Checkpoint> load_bytes(const std::string& bytes) {
  return load(testing::write_temporary("pain.pt", bytes));
}

const std::string kGolden = "data/golden/state_linear.pt";

// 1. torch::pickle_load: "Expected GenericDict but got None" (pytorch#100741).
TEST(Pain01, AStateDictOfPythonJustLoads) {
  const auto checkpoint = load(kGolden);
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->root().kind(), ValueKind::kOrderedDict);
  EXPECT_EQ(checkpoint->state_dict()->entries.size(), 2u);
}

// 2. torch::jit::load: "failed locating file constants.pkl" (pytorch#47917): here the other way
// round: a module of TorchScript gives its state dict, and nothing else may look like one.
TEST(Pain02, TorchScriptIsToldApart) {
  const auto script = [](const PickleBuilder& pickle) {
    return load_bytes(CheckpointBuilder()
                          .pickle(pickle.stop())
                          .record("constants.pkl", PickleBuilder().empty_tuple().stop())
                          .storage("0", std::string(4, '\1'))
                          .build());
  };
  PickleBuilder module;
  module.global("__torch__", "Net").empty_tuple().op('\x81').empty_dict().mark();
  module.text("w").tensor("FloatStorage", "0", 1, {1}, {1}).op('u').op('b');
  const auto loaded = script(module);
  ASSERT_OK(loaded);
  const auto state = loaded->state_dict();
  ASSERT_OK(state);
  ASSERT_EQ(state->entries.size(), 1u);
  EXPECT_EQ(state->entries[0].key, "w");
  EXPECT_ERROR(script(PickleBuilder().empty_dict()), ErrorKind::kUnsupported,
               "the records of a TorchScript archive, but what it holds is a dict, not a module");
}

// 3. torch::pickle_load of a model: an assertion about type_resolver (pytorch#42651).
TEST(Pain03, AWholeModelIsNamedByItsClass) {
  const auto model = load("data/lesson/whole_model.pt");
  EXPECT_ERROR(model, ErrorKind::kGlobal, "this is a whole pickled object (__main__.Net)");
  EXPECT_ERROR(model, ErrorKind::kGlobal, "Save model.state_dict() instead of the model");
  EXPECT_TRUE(model.error().offset().has_value());
}

// 4. "failed finding central directory" (AUTOMATIC1111/stable-diffusion-webui#1861).
TEST(Pain04, ACutFileSaysWhereItEnds) {
  const std::string whole = testing::read_file(kGolden);
  const auto cut = load_bytes(whole.substr(0, whole.size() / 2));
  EXPECT_ERROR(cut, ErrorKind::kContainer, "the zip file is cut short: it has");
  EXPECT_ERROR(cut, ErrorKind::kContainer, "of this record");
  EXPECT_ERROR(cut, ErrorKind::kContainer, "fetch the file again and compare its size");
}

// 5. "invalid header or archive is corrupted" (pytorch#170244).
TEST(Pain05, ADamagedRecordIsNamedWithBothSizes) {
  const auto damaged =
      load_bytes(CheckpointBuilder()
                     .pickle(PickleBuilder().tensor("FloatStorage", "0", 6, {6}, {1}).stop())
                     .storage("0", std::string(20, '\0'))
                     .build());
  EXPECT_ERROR(damaged, ErrorKind::kStorage,
               "record size (20 bytes) does not match expected size (24 bytes = 6 elements * 4 "
               "bytes/element) for dtype float32");
  EXPECT_EQ(damaged.error().record(), "model/data/0");
}

// 6. "Invalid magic number; corrupt file?" (mlfoundations/task_vectors#11).
TEST(Pain06, WhatAFileIsIsSaidBeforeThatItIsWrong) {
  EXPECT_ERROR(load_bytes("\x80\x04}."), ErrorKind::kUnsupported, "a plain Python pickle");
  EXPECT_ERROR(load_bytes("<!DOCTYPE html><html><body>Sign in</body></html>"),
               ErrorKind::kUnknownFormat, "this is a web page");
  EXPECT_ERROR(load_bytes("\x1f\x8b\x08 and so on, for a while"), ErrorKind::kUnsupported,
               "this is a gzip file");
}

// 7. "invalid load key, 'v'" (mit-han-lab/smoothquant#13).
TEST(Pain07, AGitLfsPointerIsNoCheckpoint) {
  const auto pointer = load_bytes(
      "version https://git-lfs.github.com/spec/v1\noid "
      "sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f"
      "32b1258daaa5e2ca24d17e2393\nsize 438012345\n");
  EXPECT_ERROR(pointer, ErrorKind::kUnknownFormat, "the real file has 438012345 bytes");
  EXPECT_ERROR(pointer, ErrorKind::kUnknownFormat, "oid sha256:4d7a2146");
  EXPECT_ERROR(pointer, ErrorKind::kUnknownFormat, "git lfs pull");
}

// 8. "storage has wrong byte size" (facebookresearch/XLM#184).
TEST(Pain08, AMissingStorageIsNamedWithTheTensorThatUsesIt) {
  PickleBuilder pickle;
  pickle.empty_dict().text("fc.weight").tensor("FloatStorage", "7", 6, {6}, {1});
  const auto missing = load_bytes(CheckpointBuilder().pickle(pickle.op('s').stop()).build());
  EXPECT_ERROR(missing, ErrorKind::kStorage, "at 'fc.weight': storage '7'");
}

// 9. "Weights only load failed" (hhaentze/MRSegmentator#19), one name at a time.
TEST(Pain09, AllUnlistedNamesAreToldAtOnceAndCanBeKept) {
  const auto refused = load("data/lesson/training.pt");
  for (const char* name : {"argparse.Namespace", "numpy.dtype", "__main__.Mode", "builtins.max"}) {
    EXPECT_ERROR(refused, ErrorKind::kGlobal, name);
  }
  EXPECT_ERROR(refused, ErrorKind::kGlobal, "unlisted = kKeepAsData");
  EXPECT_OK(load("data/lesson/training.pt", {.unlisted = Unlisted::kKeepAsData}));
}

// 15. "Attempting to deserialize object on a CUDA device" (invoke-ai/InvokeAI#3442).
TEST(Pain15, SavedTagsAndTheRemedyAreNamed) {
  PickleBuilder pickle;
  pickle.global("torch._utils", "_rebuild_tensor_v2").mark();
  pickle.storage("FloatStorage", "0", 1, "cuda:99").integer(0).integers({1}).integers({1});
  pickle.boolean(false).ordered_dict().tuple().reduce();
  const auto elsewhere = load_bytes(
      CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(4, '\0')).build());
  EXPECT_ERROR(elsewhere, ErrorKind::kDevice, "The file's tensors were saved on cuda:99");
  EXPECT_ERROR(elsewhere, ErrorKind::kDevice, "map_location");
}

// 16. Memory doubles, or runs out half-way (pytorch#7415).
TEST(Pain16, WhatIsNeededIsKnownBeforeAnythingIsTaken) {
  EXPECT_ERROR(load(kGolden, {.memory_budget = 400}), ErrorKind::kLimit,
               "the tensors need 440 bytes, over the memory budget of 400");
}

// 18. "HeaderTooLarge" of a file that is no safetensors, or a cut one (safetensors#668).
TEST(Pain18, AFileThatWasCutSaysHowLongItShouldBe) {
  const std::string file = std::string("\x20\0\0\0\0\0\0\0", 8) + "{\"__metadata__\":{}}";
  EXPECT_ERROR(load_bytes(file), ErrorKind::kTooShort,
               "the header has 32 bytes, but the file only 27");
}

// 20. GHSA-63cw-57p8-fm3p: SETITEM on anything, and sizes that nobody compared.
TEST(Pain20, WhatBeatsWeightsOnlyIsRefusedWithItsPlace) {
  PickleBuilder pickle;
  pickle.empty_list().text("k").none().op('s');
  const auto set_item = load_bytes(CheckpointBuilder().pickle(pickle.stop()).build());
  EXPECT_ERROR(set_item, ErrorKind::kPickle, "items are set in a list");
  EXPECT_EQ(set_item.error().offset(), 10u);
}

}  // namespace
}  // namespace hardload
