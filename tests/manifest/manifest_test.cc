// Manifest: its accessors, and that it may be moved.

#include "loader/manifest/manifest.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/pickle/show.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

using Dims = std::vector<std::int64_t>;

// {"a": [None, <2x3>], (1, "x"): <scalar>}
Result<Manifest> describe_two_tensors() {
  return testing::describe_pickle(PickleBuilder()
                                      .raw("}(")
                                      .text("a")
                                      .raw("](N")
                                      .tensor("FloatStorage", "0", 6, {2, 3}, {3, 1})
                                      .raw("eK\x01")
                                      .text("x")
                                      .raw("\x86")
                                      .tensor("FloatStorage", "0", 6, {}, {}, 5)
                                      .op('u'));
}

void expect_two_tensors(const Manifest& manifest) {
  ASSERT_EQ(manifest.storages().size(), 1u);
  EXPECT_EQ(manifest.storages()[0].key, "0");
  EXPECT_EQ(manifest.storages()[0].record->name, "model/data/0");
  ASSERT_EQ(manifest.tensors().size(), 2u);
  const TensorSpec& matrix = manifest.tensors()[0];
  const TensorSpec& scalar = manifest.tensors()[1];
  const auto shape = manifest.shape(matrix), strides = manifest.strides(matrix);
  EXPECT_EQ(Dims(shape.begin(), shape.end()), (Dims{2, 3}));
  EXPECT_EQ(Dims(strides.begin(), strides.end()), (Dims{3, 1}));
  EXPECT_EQ(manifest.nbytes(matrix), 24u);
  EXPECT_TRUE(manifest.shape(scalar).empty());
  EXPECT_TRUE(manifest.strides(scalar).empty());
  EXPECT_EQ(scalar.offset, 5);
  EXPECT_EQ(manifest.nbytes(scalar), 4u);

  const auto named = manifest.named_tensors();
  ASSERT_EQ(named.size(), 2u);
  EXPECT_EQ(manifest.name(named[0]), "a.1");
  EXPECT_EQ(manifest.name(named[1]), "<tuple>");
  const std::vector<Value> path = manifest.path(named[0]);
  ASSERT_EQ(path.size(), 2u);
  EXPECT_EQ(path[0].as_string(), "a");
  EXPECT_EQ(path[1].as_int(), 1);
  ASSERT_EQ(manifest.path(named[1]).size(), 1u);
  EXPECT_EQ(testing::show(manifest.path(named[1])[0]), "(1, 'x')");
  EXPECT_EQ(manifest.root().find("a")->item(1).number(), 0u);
  EXPECT_EQ(testing::show(manifest.root()), "{'a': [None, <tensor>], (1, 'x'): <tensor>}");
}

TEST(Manifest, LendsWhatTheFileHolds) {
  const auto manifest = describe_two_tensors();
  ASSERT_OK(manifest);
  expect_two_tensors(*manifest);
}

TEST(Manifest, HoldsAfterItWasMoved) {
  auto first = describe_two_tensors();
  ASSERT_OK(first);
  std::vector<Manifest> moved;
  for (int i = 0; i < 5; ++i) {
    auto manifest = describe_two_tensors();
    ASSERT_OK(manifest);
    moved.push_back(*std::move(manifest));  // moves the earlier ones, too
  }
  for (const Manifest& manifest : moved) expect_two_tensors(manifest);
  *first = std::move(moved.back());
  expect_two_tensors(*first);
}

TEST(Manifest, PathsOfDeepTensorsAreComplete) {
  PickleBuilder pickle;
  for (int i = 0; i < 500; ++i) pickle.empty_list();
  pickle.raw(testing::tensor());
  for (int i = 0; i < 500; ++i) pickle.op('a');
  const auto manifest = testing::describe_pickle(pickle);
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->named_tensors().size(), 1u);
  const std::vector<Value> path = manifest->path(manifest->named_tensors()[0]);
  EXPECT_EQ(path.size(), 500u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]).size(), 999u);
  for (const Value& step : path) EXPECT_EQ(step.as_int(), 0);
}

}  // namespace
}  // namespace hardload
