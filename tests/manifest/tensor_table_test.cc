// TensorTable: what a tensor is that torch.save wrote, in each of its forms.

#include "loader/manifest/tensor_table.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/dtype.h"
#include "loader/base/text.h"
#include "tests/manifest/tensor_calls.h"

namespace hardload {
namespace {

namespace push = testing::push;
using namespace std::string_literals;
using testing::describe_call;
using testing::describe_w;
using Dims = std::vector<std::int64_t>;

Dims to_dims(std::span<const std::int64_t> span) { return {span.begin(), span.end()}; }

// A float32 tensor of shape (2, 2), strides (3, 1), from element 1 on.
std::vector<std::string> arguments_v1() {
  return {push::storage("FloatStorage", 6), push::integer(1), push::integers({2, 2}),
          push::integers({3, 1})};
}
std::vector<std::string> arguments_v2(bool requires_grad = false) {
  auto arguments = arguments_v1();
  arguments.push_back(push::boolean(requires_grad));
  arguments.push_back(push::no_hooks());
  return arguments;
}
std::vector<std::string> with(std::vector<std::string> arguments, const std::string& last) {
  arguments.push_back(last);
  return arguments;
}

void expect_the_view(const Result<Manifest>& manifest) {
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->tensors().size(), 1u);
  const TensorSpec& tensor = manifest->tensors()[0];
  EXPECT_EQ(tensor.storage, 0u);
  EXPECT_EQ(tensor.dtype, Dtype::kFloat32);
  EXPECT_EQ(to_string(tensor.layout), "strided");
  EXPECT_EQ(tensor.rank, 2u);
  EXPECT_EQ(to_dims(manifest->shape(tensor)), (Dims{2, 2}));
  EXPECT_EQ(to_dims(manifest->strides(tensor)), (Dims{3, 1}));
  EXPECT_EQ(tensor.offset, 1);
  EXPECT_EQ(tensor.numel, 4);
  EXPECT_EQ(manifest->nbytes(tensor), 16u);
  EXPECT_FALSE(tensor.is_parameter);
  EXPECT_FALSE(tensor.is_conj);
  EXPECT_FALSE(tensor.is_neg);
  ASSERT_EQ(manifest->named_tensors().size(), 1u);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]), "w");
}

TEST(TensorTable, Version1) { expect_the_view(describe_call("_rebuild_tensor", arguments_v1())); }

TEST(TensorTable, Version2) {
  const auto manifest = describe_call("_rebuild_tensor_v2", arguments_v2());
  expect_the_view(manifest);
  EXPECT_FALSE(manifest->tensors()[0].requires_grad);
  const auto with_gradient = describe_call("_rebuild_tensor_v2", arguments_v2(true));
  expect_the_view(with_gradient);
  EXPECT_TRUE(with_gradient->tensors()[0].requires_grad);
}

TEST(TensorTable, OldFilesHaveNoneForHooks) {
  auto arguments = arguments_v2();
  arguments[5] = "N";
  expect_the_view(describe_call("_rebuild_tensor_v2", arguments));
}

TEST(TensorTable, SizesMayBeATorchSize) {
  auto arguments = arguments_v2();
  arguments[2] = push::call("torch", "Size", {arguments[2]});
  expect_the_view(describe_call("_rebuild_tensor_v2", arguments));
}

// Types without a storage class of their own: a storage of bytes, and the type.
TEST(TensorTable, Version3) {
  const auto manifest = describe_call(
      "_rebuild_tensor_v3",
      {push::storage("UntypedStorage", 24), push::integer(2), push::integers({5}),
       push::integers({2}), push::boolean(false), push::no_hooks(), push::dtype("uint16")});
  ASSERT_OK(manifest);
  const TensorSpec& tensor = manifest->tensors()[0];
  EXPECT_EQ(tensor.dtype, Dtype::kUInt16);
  EXPECT_EQ(tensor.offset, 2);
  EXPECT_EQ(tensor.numel, 5);
  EXPECT_EQ(manifest->storages()[0].dtype, Dtype::kUInt8);
}

// T16
TEST(TensorTable, Version3MeasuresInItsOwnType) {
  for (const std::string_view name :
       {"uint16", "uint32", "uint64", "complex32", "float8_e5m2", "float8_e4m3fn",
        "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "bits8",
        "bits16", "bits1x8", "bits2x4", "bits4x2"}) {
    const auto count = 24 / static_cast<std::int64_t>(item_bytes(*dtype_named(name)));
    const auto describe_count = [&](std::int64_t elements) {
      return describe_call(
          "_rebuild_tensor_v3",
          {push::storage("UntypedStorage", 24), push::integer(0), push::integers({elements}),
           push::integers({1}), push::boolean(false), push::no_hooks(), push::dtype(name)});
    };
    const auto fits = describe_count(count);
    ASSERT_OK(fits) << name;
    EXPECT_EQ(to_string(fits->tensors()[0].dtype), name);
    EXPECT_EQ(fits->nbytes(fits->tensors()[0]), 24u) << name;
    EXPECT_ERROR(describe_count(count + 1), ErrorKind::kLayout,
                 concat("but the storage holds ", count))
        << name;
  }
}

TEST(TensorTable, MetadataTellsLazyConjugationAndNegation) {
  const std::string conj = push::text("conj") + push::boolean(true) + "s";
  const std::string neg = push::text("neg") + push::boolean(true) + "s";
  auto complex = arguments_v2();
  complex[0] = push::storage("ComplexFloatStorage", 3);
  complex[1] = push::integer(0), complex[2] = push::integers({3}), complex[3] = push::integers({1});
  struct Case {
    std::vector<std::string> arguments;
    bool is_conj, is_neg;
  };
  for (const Case& c : {
           Case{with(complex, "}"), false, false},
           Case{with(complex, "}" + conj), true, false},
           Case{with(complex, "}" + neg), false, true},
           Case{with(complex, "}" + conj + neg), true, true},
           Case{with(arguments_v2(), "}" + neg), false, true},
       }) {
    const auto manifest = describe_call("_rebuild_tensor_v2", c.arguments);
    ASSERT_OK(manifest);
    EXPECT_EQ(manifest->tensors()[0].is_conj, c.is_conj);
    EXPECT_EQ(manifest->tensors()[0].is_neg, c.is_neg);
  }
  const std::string not_neg = push::text("neg") + push::boolean(false) + "s";
  for (const std::string& metadata : {conj, not_neg, neg + neg, neg + not_neg}) {
    EXPECT_ERROR(describe_call("_rebuild_tensor_v2", with(arguments_v2(), "}" + metadata)),
                 ErrorKind::kLayout, "at 'w': ");
  }
}

TEST(TensorTable, Parameter) {
  const std::string data = push::call("torch._utils", "_rebuild_tensor_v2", arguments_v2());
  for (const bool requires_grad : {true, false}) {
    for (const std::string& hooks : {push::no_hooks(), "N"s}) {
      const auto manifest =
          describe_call("_rebuild_parameter", {data, push::boolean(requires_grad), hooks});
      ASSERT_OK(manifest);
      const TensorSpec& tensor = manifest->tensors()[manifest->named_tensors()[0].tensor];
      EXPECT_TRUE(tensor.is_parameter);
      EXPECT_EQ(tensor.requires_grad, requires_grad);
      EXPECT_EQ(to_dims(manifest->shape(tensor)), (Dims{2, 2}));
      EXPECT_EQ(tensor.offset, 1);
    }
  }
}

TEST(TensorTable, MetaTensor) {
  const auto manifest = describe_call("_rebuild_meta_tensor_no_storage",
                                      {push::dtype("float64"), push::integers({3, 1000}),
                                       push::integers({1000, 1}), push::boolean(true)});
  ASSERT_OK(manifest);
  const TensorSpec& tensor = manifest->tensors()[0];
  EXPECT_EQ(tensor.storage, TensorSpec::kNoStorage);
  EXPECT_EQ(tensor.dtype, Dtype::kFloat64);
  EXPECT_TRUE(tensor.requires_grad);
  EXPECT_EQ(tensor.numel, 3000);
  EXPECT_TRUE(manifest->storages().empty());
}

// T14
TEST(TensorTable, ScalarAndEmptyTensors) {
  auto arguments = arguments_v2();
  arguments[2] = arguments[3] = ")";
  const auto scalar = describe_call("_rebuild_tensor_v2", arguments);
  ASSERT_OK(scalar);
  EXPECT_EQ(scalar->tensors()[0].rank, 0u);
  EXPECT_EQ(scalar->tensors()[0].numel, 1);

  arguments[2] = push::integers({4, 0}), arguments[3] = push::integers({1, 1});
  const auto empty = describe_call("_rebuild_tensor_v2", arguments);
  ASSERT_OK(empty);
  EXPECT_EQ(empty->tensors()[0].numel, 0);
  EXPECT_EQ(to_dims(empty->shape(empty->tensors()[0])), (Dims{4, 0}));
}

// T08 to T11: what check_layout finds is said of the tensor.
TEST(TensorTable, RefusesAViewThatLeavesItsStorage) {
  const auto describe_view = [](std::int64_t offset, const Dims& shape, const Dims& strides) {
    return describe_call(
        "_rebuild_tensor_v2",
        {push::storage("FloatStorage", 6), push::integer(offset), push::integers(shape),
         push::integers(strides), push::boolean(false), push::no_hooks()});
  };
  EXPECT_OK(describe_view(0, {6}, {1}));
  EXPECT_ERROR(describe_view(1, {6}, {1}), ErrorKind::kLayout,
               "at 'w': the view reaches up to element 6, but the storage holds 6");
  EXPECT_ERROR(describe_view(-1, {1}, {1}), ErrorKind::kLayout, "the storage offset is -1");
  EXPECT_ERROR(describe_view(0, {-6}, {1}), ErrorKind::kLayout, "size 0 is -6");
  EXPECT_ERROR(describe_view(0, {6}, {-1}), ErrorKind::kLayout, "stride 0 is -1");
  EXPECT_ERROR(describe_view(0, {6, 1}, {1}), ErrorKind::kLayout, "differ in number");
  EXPECT_ERROR(describe_view(0, {6}, {1, 1}), ErrorKind::kLayout, "differ in number");
  EXPECT_ERROR(describe_view(0, {std::int64_t{1} << 62, 4}, {0, 0}), ErrorKind::kLayout,
               "the number of elements overflows");
}

// T09
TEST(TensorTable, RefusesTooManyDimensions) {
  const auto describe_rank = [](std::size_t rank, const Limits& limits) {
    return describe_call(
        "_rebuild_tensor_v2",
        {push::storage("FloatStorage", 6), push::integer(0), push::integers(Dims(rank, 1)),
         push::integers(Dims(rank, 1)), push::boolean(false), push::no_hooks()},
        limits);
  };
  EXPECT_OK(describe_rank(1024, {}));
  EXPECT_ERROR(describe_rank(1025, {}), ErrorKind::kLimit,
               "a tensor has 1025 dimensions, over max_rank, 1024");
  EXPECT_ERROR(describe_rank(100'000, {}), ErrorKind::kLimit, "max_rank");
  EXPECT_OK(describe_rank(3, {.max_rank = 3}));
  EXPECT_ERROR(describe_rank(4, {.max_rank = 3}), ErrorKind::kLimit, "max_rank, 3");
}

TEST(TensorTable, OnlyFloatingAndComplexTensorsHaveGradients) {
  for (std::size_t i = 0; i < kDtypeCount; ++i) {
    const DtypeInfo& dtype = info(static_cast<Dtype>(i));
    if (dtype.is_quantized) continue;
    const auto manifest = describe_call(
        "_rebuild_meta_tensor_no_storage",
        {push::dtype(dtype.name), push::integers({2}), push::integers({1}), push::boolean(true)});
    if (dtype.is_floating || dtype.is_complex) {
      EXPECT_OK(manifest) << dtype.name;
    } else {
      EXPECT_ERROR(manifest, ErrorKind::kLayout,
                   concat("a tensor of ", dtype.name, " requires a gradient"));
    }
  }
  auto integers = arguments_v2(true);
  integers[0] = push::storage("IntStorage", 6);
  EXPECT_ERROR(describe_call("_rebuild_tensor_v2", integers), ErrorKind::kLayout,
               "at 'w': a tensor of int32 requires a gradient");
  integers[4] = push::boolean(false);
  EXPECT_OK(describe_call("_rebuild_tensor_v2", integers));
  const std::string data = push::call("torch._utils", "_rebuild_tensor_v2", integers);
  EXPECT_OK(describe_call("_rebuild_parameter", {data, push::boolean(false), "N"}));
  EXPECT_ERROR(describe_call("_rebuild_parameter", {data, push::boolean(true), "N"}),
               ErrorKind::kLayout, "a tensor of int32 requires a gradient");
}

}  // namespace
}  // namespace hardload
