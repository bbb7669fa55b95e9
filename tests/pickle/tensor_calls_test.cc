// TensorCalls: the opcodes of each kind of tensor, as Python's pickler writes torch's calls. That
// whole files come out as torch writes them: tests/manifest/manifest_pickler_test.cc.

#include "loader/pickle/tensor_calls.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "loader/bytes/buffer.h"
#include "loader/pickle/machine.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

constexpr std::int64_t kSizes[] = {2, 3}, kStrides[] = {3, 1};

TensorView dense() {
  TensorView view;
  view.sizes = kSizes;
  view.strides = kStrides;
  return view;
}

StorageReference floats(std::size_t number) {
  return {.number = number, .elements = 6, .storage_class = "FloatStorage", .location = "cpu"};
}

std::string stopped(PickleWriter&& pickle) { return std::move(pickle).stop().value(); }

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// pickle.dumps of what torch.save puts in the place of torch.zeros(2, 3).
TEST(TensorCalls, AStridedTensorIsOneCall) {
  PickleWriter pickle;
  TensorCalls calls(pickle);
  calls.strided(floats(0), Dtype::kFloat32, dense());
  using std::string_literals::operator""s;
  EXPECT_EQ(stopped(std::move(pickle)),
            "\x80\x02"
            "ctorch._utils\n_rebuild_tensor_v2\nq\x00"
            "((X\x07\x00\x00\x00storageq\x01"
            "ctorch\nFloatStorage\nq\x02"
            "X\x01\x00\x00\x00"
            "0q\x03"
            "X\x03\x00\x00\x00"
            "cpuq\x04K\x06tq\x05Q"
            "K\x00K\x02K\x03\x86q\x06K\x03K\x01\x86q\x07\x89"
            "ccollections\nOrderedDict\nq\x08)Rq\x09tq\x0aRq\x0b."s);
}

TEST(TensorCalls, AnUntypedStorageNeedsTheDtype) {
  PickleWriter pickle;
  TensorCalls calls(pickle);
  StorageReference storage = floats(0);
  storage.storage_class = {};
  calls.strided(storage, Dtype::kFloat8E5M2, dense());
  const std::string made = stopped(std::move(pickle));
  EXPECT_EQ(count(made, "torch._utils\n_rebuild_tensor_v3\n"), 1u);
  EXPECT_EQ(count(made, "torch.storage\nUntypedStorage\n"), 1u);
  EXPECT_EQ(count(made, "torch\nfloat8_e5m2\n"), 1u);
}

TEST(TensorCalls, BitsThatAreSetAreNamed) {
  for (const auto& [conj, neg] : {std::pair(true, false), {false, true}, {true, true}}) {
    PickleWriter pickle;
    TensorCalls calls(pickle);
    TensorView view = dense();
    view.is_conj = conj;
    view.is_neg = neg;
    calls.strided(floats(0), Dtype::kFloat32, view);
    const std::string made = stopped(std::move(pickle));
    EXPECT_EQ(count(made, "conjq"), conj ? 1u : 0u);
    EXPECT_EQ(count(made, "negq"), neg ? 1u : 0u);
  }
}

// The second reference to a storage gets its key from the memo; locations but "cpu" are new texts.
TEST(TensorCalls, StoragesAndLocationsAreThereOnceWherePythonHasThemOnce) {
  PickleWriter pickle;
  TensorCalls calls(pickle);
  calls.strided(floats(0), Dtype::kFloat32, dense());
  calls.strided(floats(0), Dtype::kFloat32, dense());
  StorageReference gpu = floats(1);
  gpu.location = "cuda:0";
  calls.strided(gpu, Dtype::kFloat32, dense());
  calls.strided(gpu, Dtype::kFloat32, dense());
  const std::string made = stopped(std::move(pickle));
  EXPECT_EQ(count(made, "storageq"), 1u);
  EXPECT_EQ(count(made, "cpuq"), 1u);
  EXPECT_EQ(count(made, "cuda:0"), 2u);
  EXPECT_EQ(count(made, std::string_view("X\x01\x00\x00\x00"
                                         "0",
                                         6)),
            1u);
  EXPECT_EQ(count(made, std::string_view("X\x01\x00\x00\x00"
                                         "1",
                                         6)),
            1u);
}

// Whatever the calls are nested in, each is closed as what it was opened as.
TEST(TensorCalls, WithAttributesTheCallIsTheArgumentOfAnother) {
  PickleWriter pickle;
  TensorCalls calls(pickle);
  calls.open_with_attributes();
  calls.open_sparse("torch.sparse_coo", 2, true);
  calls.strided(floats(0), Dtype::kFloat32, dense());
  calls.strided(floats(1), Dtype::kFloat32, dense());
  calls.close_sparse(kSizes);
  pickle.empty_dict();
  calls.close_with_attributes();
  const std::string made = stopped(std::move(pickle));
  EXPECT_EQ(count(made, "_rebuild_from_type_v2"), 1u);
  EXPECT_EQ(count(made, "ctorch\nTensor\n"), 1u);
  auto text = Buffer::allocate(made.size());
  ASSERT_OK(text);
  std::copy_n(testing::as_bytes(made).begin(), made.size(), text->bytes().begin());
  const auto graph = run_pickle(*std::move(text), "data.pkl", {}, Unlisted::kRefuse);
  ASSERT_OK(graph);
  const Value root(*graph, graph->root);
  EXPECT_EQ(root.kind(), ValueKind::kTensor);
  EXPECT_TRUE(root.state().has_value());
  EXPECT_EQ(graph->calls.size(), 5u);  // two storages, two parts and the whole
}

}  // namespace
}  // namespace hardload
