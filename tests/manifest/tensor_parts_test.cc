// TensorTable on tensors that are made of tensors: sparse and quantized ones.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/manifest/tensor_calls.h"

namespace hardload {
namespace {

namespace push = testing::push;
using testing::CheckpointBuilder;
using testing::describe_file;
using testing::PickleBuilder;
using Dims = std::vector<std::int64_t>;

Dims contiguous(const Dims& shape) {
  Dims strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// A tensor over storage "0" (int64), "1" (float32) or "2" (int32), of 64 elements each.
std::string longs(const Dims& shape) {
  return PickleBuilder("").tensor("LongStorage", "0", 64, shape, contiguous(shape)).bytes();
}
std::string floats(const Dims& shape) {
  return PickleBuilder("").tensor("FloatStorage", "1", 64, shape, contiguous(shape)).bytes();
}
std::string ints(const Dims& shape) {
  return PickleBuilder("").tensor("IntStorage", "2", 64, shape, contiguous(shape)).bytes();
}

std::string tuple(const std::vector<std::string>& items) {
  PickleBuilder pickle("");
  pickle.mark();
  for (const std::string& item : items) pickle.raw(item);
  return pickle.tuple().bytes();
}

Result<Manifest> describe_w(const std::string& instructions, const Limits& limits = {}) {
  return describe_file(
      CheckpointBuilder()
          .pickle(PickleBuilder().empty_dict().text("w").raw(instructions).op('s').stop())
          .storage("0", std::string(512, '\0'))
          .storage("1", std::string(256, '\0'))
          .storage("2", std::string(256, '\0'))
          .storage("3", std::string(64, '\0')),
      {.limits = limits});
}

Result<Manifest> describe_sparse(std::string_view layout, const std::vector<std::string>& data,
                                 const Limits& limits = {}) {
  const std::string named =
      push::call("torch.serialization", "_get_layout", {push::text(concat("torch.", layout))});
  return describe_w(push::call("torch._utils", "_rebuild_sparse_tensor", {named, tuple(data)}),
                    limits);
}

const TensorSpec& tensor_of(const Manifest& manifest) {
  return manifest.tensors()[manifest.named_tensors()[0].tensor];
}

TEST(Coo, IsMadeOfIndicesAndValues) {
  const auto manifest = describe_sparse(
      "sparse_coo",
      {longs({2, 3}), floats({3, 4}), push::integers({5, 6, 4}), push::boolean(true)});
  ASSERT_OK(manifest);
  const TensorSpec& tensor = tensor_of(*manifest);
  EXPECT_EQ(tensor.layout, TensorLayout::kSparseCoo);
  EXPECT_EQ(tensor.dtype, Dtype::kFloat32);
  EXPECT_EQ(tensor.numel, 120);
  EXPECT_EQ(tensor.storage, TensorSpec::kNoStorage);
  EXPECT_FALSE(tensor.is_meta());
  EXPECT_TRUE(manifest->strides(tensor).empty());
  EXPECT_EQ(manifest->nbytes(tensor), 2u * 3 * 8 + 3 * 4 * 4);
  EXPECT_EQ(manifest->location(tensor), "cpu");
  const SparseSpec& sparse = manifest->sparse(tensor);
  EXPECT_EQ(sparse.is_coalesced, true);
  EXPECT_EQ(manifest->tensors()[sparse.indices].dtype, Dtype::kInt64);
  EXPECT_EQ(manifest->tensors()[sparse.values].dtype, Dtype::kFloat32);
  EXPECT_EQ(manifest->named_tensors().size(), 1u);
}

TEST(Coo, MayNotSayWhetherItIsCoalesced) {
  const auto old = describe_sparse("sparse_coo", {longs({1, 2}), floats({2}), push::integers({9})});
  ASSERT_OK(old);
  EXPECT_EQ(old->sparse(tensor_of(*old)).is_coalesced, std::nullopt);
}

// G13
TEST(Coo, PartsHaveToFitEachOther) {
  struct Case {
    std::string indices, values;
    Dims size;
    std::string_view problem;
  };
  const Case cases[] = {
      {ints({2, 3}), floats({3}), {4, 4}, "the indices are no matrix of int64"},
      {longs({6}), floats({6}), {4}, "the indices are no matrix of int64"},
      {longs({2, 3}), floats({4}), {4, 4}, "the number of elements"},
      {longs({2, 3}), floats({}), {4, 4}, "the number of elements"},
      {longs({2, 3}), floats({3}), {4}, "the dimensions"},
      {longs({2, 3}), floats({3}), {4, 4, 4}, "the dimensions"},
      {longs({2, 3}), floats({3, 2}), {4, 4, 3}, "the dimensions"},
  };
  for (const auto& [indices, values, size, problem] : cases) {
    EXPECT_ERROR(
        describe_sparse("sparse_coo", {indices, values, push::integers(size), "\x88"}),
        ErrorKind::kLayout,
        concat("at 'w': the parts of a sparse_coo tensor do not fit each other: ", problem));
  }
  const auto coo_of = [](const Dims& size) {
    return describe_sparse("sparse_coo",
                           {longs({2, 3}), floats({3}), push::integers(size), "\x88"});
  };
  EXPECT_OK(coo_of({4, 4}));
  EXPECT_ERROR(coo_of({4, -4}), ErrorKind::kLayout, "size 1 is -4");
  EXPECT_ERROR(coo_of({std::int64_t{1} << 40, std::int64_t{1} << 40}), ErrorKind::kLayout,
               "the number of elements overflows");
}

// Each of the three functions by which torch has written strided tensors.
TEST(Coo, PartsAreStridedTensorsOfEveryForm) {
  std::vector<std::string> v1 = {PickleBuilder("").storage("FloatStorage", "1", 64).bytes(),
                                 push::integer(0), push::integers({3}), push::integers({1})};
  std::vector<std::string> v3 = v1;
  v3[0] = PickleBuilder("").storage("UntypedStorage", "1", 256).bytes();
  for (const std::string& argument :
       {push::boolean(false), push::no_hooks(), push::dtype("uint16")}) {
    v3.push_back(argument);
  }
  const std::pair<std::string, Dtype> parts[] = {
      {push::call("torch._utils", "_rebuild_tensor", v1), Dtype::kFloat32},
      {floats({3}), Dtype::kFloat32},
      {push::call("torch._utils", "_rebuild_tensor_v3", v3), Dtype::kUInt16},
  };
  for (const auto& [values, dtype] : parts) {
    const auto manifest =
        describe_sparse("sparse_coo", {longs({1, 3}), values, push::integers({4}), "\x88"});
    ASSERT_OK(manifest);
    EXPECT_EQ(tensor_of(*manifest).dtype, dtype);
  }
}

TEST(Coo, PartsAreStridedTensors) {
  const std::string meta = push::call(
      "torch._utils", "_rebuild_meta_tensor_no_storage",
      {push::dtype("float32"), push::integers({3}), push::integers({1}), push::boolean(false)});
  const std::string parameter =
      push::call("torch._utils", "_rebuild_parameter", {floats({3}), "\x88", "N"});
  for (const std::string& values : {meta, parameter, push::integer(3), std::string("]")}) {
    EXPECT_ERROR(
        describe_sparse("sparse_coo", {longs({1, 3}), values, push::integers({4}), "\x88"}),
        ErrorKind::kLayout, "with arguments that torch.save does not write");
  }
}

TEST(Sparse, LayoutAndDataAreWhatTorchWrites) {
  const std::vector<std::string> coo = {longs({1, 3}), floats({3}), push::integers({4}), "\x88"};
  EXPECT_OK(describe_sparse("sparse_coo", coo));
  EXPECT_ERROR(describe_sparse("strided", coo), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(describe_sparse("sparse_coo", {coo[0], coo[1]}), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(describe_sparse("sparse_coo", {coo[0], coo[1], coo[2], "K\x01"}), ErrorKind::kLayout,
               "arguments");
  EXPECT_ERROR(describe_sparse("sparse_coo", {coo[0], coo[1], push::integer(4), "\x88"}),
               ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(describe_sparse("sparse_csr", {coo[0], coo[1], coo[2]}), ErrorKind::kLayout,
               "arguments");
  EXPECT_ERROR(describe_w(push::call("torch._utils", "_rebuild_sparse_tensor", {})),
               ErrorKind::kLayout, "arguments");
}

struct Compressed {
  std::string_view layout;
  Dims compressed, plain, values, size;
};

Result<Manifest> describe_compressed(const Compressed& c) {
  return describe_sparse(
      c.layout, {longs(c.compressed), longs(c.plain), floats(c.values), push::integers(c.size)});
}

TEST(CompressedTensors, OfEveryLayoutAreRead) {
  const Compressed cases[] = {
      {"sparse_csr", {4}, {5}, {5}, {3, 7}},
      {"sparse_csr", {2, 4}, {2, 5}, {2, 5}, {2, 3, 7}},  // two batches
      {"sparse_csr", {4}, {5}, {5, 2}, {3, 7, 2}},        // a dense dimension
      {"sparse_csc", {8}, {5}, {5}, {3, 7}},
      {"sparse_bsr", {3}, {5}, {5, 2, 3}, {4, 9}},
      {"sparse_bsc", {4}, {5}, {5, 2, 3}, {4, 9}},
      {"sparse_bsr", {2, 3}, {2, 5}, {2, 5, 2, 3}, {2, 4, 9}},
  };
  for (const Compressed& c : cases) {
    const auto manifest = describe_compressed(c);
    ASSERT_OK(manifest) << c.layout;
    EXPECT_EQ(to_string(tensor_of(*manifest).layout), c.layout);
    EXPECT_EQ(manifest->parts(tensor_of(*manifest)).size(), 3u);
  }
}

// G13
TEST(CompressedTensors, PartsHaveToFitEachOther) {
  const Compressed cases[] = {
      {"sparse_csr", {3}, {5}, {5}, {3, 7}},        // too few rows
      {"sparse_csc", {4}, {5}, {5}, {3, 7}},        // rows for columns
      {"sparse_csr", {4}, {5}, {4}, {3, 7}},        // values missing
      {"sparse_csr", {4}, {5}, {5}, {3}},           // no columns
      {"sparse_csr", {4}, {5}, {5}, {3, 7, 1}},     // a dense dimension that no value has
      {"sparse_csr", {4}, {5}, {5, 2}, {3, 7, 3}},  // another one
      {"sparse_csr", {2, 4}, {5}, {5}, {3, 7}},     // batches of one part alone
      {"sparse_csr", {2, 4}, {3, 5}, {2, 5}, {2, 3, 7}},
      {"sparse_csr", {}, {5}, {5}, {3, 7}},
      {"sparse_bsr", {3}, {5}, {5}, {4, 9}},        // no blocks
      {"sparse_bsr", {3}, {5}, {5, 3, 3}, {4, 9}},  // blocks that do not tile
      {"sparse_bsr", {3}, {0}, {0, 0, 3}, {0, 9}},  // blocks of no size
  };
  for (const Compressed& c : cases) {
    EXPECT_ERROR(describe_compressed(c), ErrorKind::kLayout,
                 concat("the parts of a ", c.layout, " tensor do not fit each other"));
  }
  EXPECT_ERROR(
      describe_sparse("sparse_csr", {longs({4}), ints({5}), floats({5}), push::integers({3, 7})}),
      ErrorKind::kLayout, "the indices are not both int64 or int32");
  EXPECT_OK(
      describe_sparse("sparse_csr", {ints({4}), ints({5}), floats({5}), push::integers({3, 7})}));
}

// A stride of 0 makes any number of indices of one; each is looked at when the file is loaded.
TEST(Sparse, IndicesAreNoMoreThanTheFileJustifies) {
  const auto describe_elements = [](std::int64_t elements) {
    const std::string indices =
        PickleBuilder("").tensor("LongStorage", "0", 64, {1, elements}, {0, 0}).bytes();
    const std::string values =
        PickleBuilder("").tensor("FloatStorage", "1", 64, {elements}, {0}).bytes();
    return describe_sparse("sparse_coo", {indices, values, push::integers({4}), "\x89"},
                           {.max_expansion = 10, .expansion_slack_bytes = 0});
  };
  EXPECT_OK(describe_elements(1000));
  EXPECT_ERROR(describe_elements(100'000), ErrorKind::kLimit, "max_expansion");
  EXPECT_ERROR(describe_elements(std::int64_t{1} << 58), ErrorKind::kLimit, "max_expansion");
}

// _rebuild_qtensor over storage "3".
std::string quantized(std::string_view storage_class, std::int64_t numel, const Dims& shape,
                      const Dims& strides, const std::string& quantizer, std::int64_t offset = 0) {
  const std::string storage = PickleBuilder("").storage(storage_class, "3", numel).bytes();
  return push::call("torch._utils", "_rebuild_qtensor",
                    {storage, push::integer(offset), push::integers(shape), push::integers(strides),
                     quantizer, push::boolean(false), push::no_hooks()});
}

const std::string kHalf = std::string("G\x3f\xe0\0\0\0\0\0\0", 9);  // 0.5

std::string per_tensor() {
  return tuple({push::dtype("per_tensor_affine"), kHalf, push::integer(-3)});
}
std::string per_channel(const std::string& scales, const std::string& zeros, std::int64_t axis) {
  return tuple({push::dtype("per_channel_affine"), scales, zeros, push::integer(axis)});
}

TEST(Quantized, PerTensor) {
  const auto manifest = describe_w(quantized("QInt8Storage", 64, {3, 2}, {2, 1}, per_tensor(), 4));
  ASSERT_OK(manifest);
  const TensorSpec& tensor = tensor_of(*manifest);
  EXPECT_TRUE(tensor.is_quantized());
  EXPECT_EQ(tensor.offset, 4);
  EXPECT_EQ(manifest->nbytes(tensor), 6u);
  EXPECT_FALSE(manifest->quantizer(tensor).is_per_channel);
  EXPECT_EQ(manifest->quantizer(tensor).scale, 0.5);
  EXPECT_EQ(manifest->quantizer(tensor).zero_point, -3);
  EXPECT_TRUE(manifest->parts(tensor).empty());
}

TEST(Quantized, PerChannel) {
  const auto manifest = describe_w(
      quantized("QUInt8Storage", 64, {3, 2}, {2, 1}, per_channel(floats({2}), longs({2}), 1)));
  ASSERT_OK(manifest);
  const QuantizerSpec& quantizer = manifest->quantizer(tensor_of(*manifest));
  EXPECT_TRUE(quantizer.is_per_channel);
  EXPECT_EQ(quantizer.axis, 1);
  EXPECT_EQ(manifest->tensors()[quantizer.scales].dtype, Dtype::kFloat32);
  EXPECT_EQ(manifest->tensors()[quantizer.zero_points].dtype, Dtype::kInt64);
}

// G14: pytorch#184652 did not bound the strides.
TEST(Quantized, ViewsStayInTheirStorage) {
  const auto view = [](const Dims& shape, const Dims& strides, std::int64_t offset) {
    return describe_w(quantized("QUInt8Storage", 64, shape, strides, per_tensor(), offset));
  };
  EXPECT_OK(view({8, 8}, {1, 8}, 0));
  EXPECT_ERROR(view({8, 8}, {1, 9}, 0), ErrorKind::kLayout, "but the storage holds 64");
  EXPECT_ERROR(view({8, 8}, {1, 8}, 1), ErrorKind::kLayout, "but the storage holds 64");
  EXPECT_ERROR(view({2}, {std::int64_t{1} << 62}, 0), ErrorKind::kLayout, "");
  EXPECT_ERROR(view({2}, {-1}, 8), ErrorKind::kLayout, "stride 0 is -1");
}

// Rows begin with a byte of their own.
TEST(Quantized, BelowAByteElementsShareBytes) {
  const auto packed = [](std::string_view storage_class, std::int64_t rows, std::int64_t columns) {
    return describe_w(quantized(storage_class, 64, {rows, columns}, {columns, 1}, per_tensor()));
  };
  const auto four = packed("QUInt4x2Storage", 8, 15);
  ASSERT_OK(four);
  EXPECT_EQ(four->nbytes(tensor_of(*four)), 64u);
  const auto two = packed("QUInt2x4Storage", 8, 29);
  ASSERT_OK(two);
  EXPECT_EQ(two->nbytes(tensor_of(*two)), 64u);
  EXPECT_ERROR(packed("QUInt4x2Storage", 8, 17), ErrorKind::kLayout, "needs 72 bytes");
  EXPECT_ERROR(packed("QUInt2x4Storage", 8, 33), ErrorKind::kLayout, "needs 72 bytes");
  EXPECT_ERROR(describe_w(quantized("QUInt4x2Storage", 64, {2, 2}, {1, 2}, per_tensor())),
               ErrorKind::kUnsupported, "this is a view of a tensor of quint4x2");
  EXPECT_ERROR(describe_w(quantized("QUInt4x2Storage", 64, {2}, {1}, per_tensor(), 2)),
               ErrorKind::kUnsupported, "this is a view of a tensor of quint4x2");
}

// G14
TEST(Quantized, ChannelsHaveToFit) {
  const auto channels = [](const std::string& scales, const std::string& zeros, std::int64_t axis) {
    return describe_w(
        quantized("QInt8Storage", 64, {3, 2}, {2, 1}, per_channel(scales, zeros, axis)));
  };
  EXPECT_OK(channels(floats({3}), longs({3}), 0));
  EXPECT_OK(channels(floats({3}), floats({3}), 0));
  EXPECT_ERROR(channels(floats({2}), longs({2}), 2), ErrorKind::kLayout,
               "the axis of the channels is 2");
  EXPECT_ERROR(channels(floats({2}), longs({2}), -1), ErrorKind::kLayout, "is -1");
  EXPECT_ERROR(channels(floats({3}), longs({2}), 1), ErrorKind::kLayout,
               "2 channels, but 3 scales");
  EXPECT_ERROR(channels(floats({2}), longs({3}), 1), ErrorKind::kLayout,
               "2 channels, but 3 zero points");
  EXPECT_ERROR(channels(floats({2, 1}), longs({2}), 1), ErrorKind::kLayout, "scales");
  EXPECT_ERROR(channels(longs({2}), longs({2}), 1), ErrorKind::kLayout,
               "the scales of the channels are no floating-point numbers");
  EXPECT_ERROR(channels("]", longs({2}), 1), ErrorKind::kLayout, "arguments");
  const auto of = [](std::string_view storage_class, std::string_view key) {
    return PickleBuilder("").tensor(storage_class, key, 64, {2}, {1}).bytes();
  };
  const std::string halves = PickleBuilder("").tensor("HalfStorage", "1", 128, {2}, {1}).bytes();
  EXPECT_ERROR(channels(halves, longs({2}), 1), ErrorKind::kLayout,
               "the scales of the channels have the type float16");
  EXPECT_ERROR(channels(floats({2}), of("ComplexFloatStorage", "0"), 1), ErrorKind::kLayout,
               "the zero points of the channels have the type complex64");
  EXPECT_OK(channels(of("DoubleStorage", "0"), ints({2}), 1));
}

TEST(Quantized, QuantizersAreWhatTorchWrites) {
  const auto with = [](const std::string& quantizer) {
    return describe_w(quantized("QInt8Storage", 64, {3}, {1}, quantizer));
  };
  const std::string scheme = push::dtype("per_tensor_affine");
  EXPECT_OK(with(tuple({scheme, kHalf, push::integer(0)})));
  EXPECT_ERROR(with(tuple({})), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(with(tuple({scheme, kHalf})), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(with(tuple({scheme, push::integer(1), push::integer(0)})), ErrorKind::kLayout,
               "arguments");
  EXPECT_ERROR(with(tuple({scheme, kHalf, kHalf})), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(with(tuple({kHalf, kHalf, push::integer(0)})), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(with(tuple({push::dtype("per_channel_symmetric"), kHalf, push::integer(0)})),
               ErrorKind::kUnsupported, "quantized by the scheme per_channel_symmetric");
  EXPECT_ERROR(describe_w(quantized("FloatStorage", 16, {3}, {1}, per_tensor())),
               ErrorKind::kLayout, "a quantized tensor has a storage of float32");
  EXPECT_ERROR(describe_w(push::call("torch._utils", "_rebuild_qtensor", {})), ErrorKind::kLayout,
               "arguments");
}

std::string from_type(const std::string& function, const std::string& type,
                      const std::string& arguments, const std::string& state) {
  return push::call("torch._tensor", "_rebuild_from_type_v2", {function, type, arguments, state});
}

// A tensor that has Python attributes is the tensor; they are kept beside it.
TEST(TensorsWithAttributes, AreTensors) {
  const std::string view = "ctorch._utils\n_rebuild_tensor\n";
  const std::string storage = PickleBuilder("").storage("FloatStorage", "1", 64).bytes();
  const std::string arguments =
      tuple({storage, push::integer(0), push::integers({3}), push::integers({1})});
  const std::string state = "}" + push::text("mask") + longs({2}) + "s";
  for (const std::string& attributes : {state, tuple({state, "N"}), tuple({state, "}"})}) {
    const auto manifest = describe_w(from_type(view, "ctorch\nTensor\n", arguments, attributes));
    ASSERT_OK(manifest);
    const Value value = *manifest->root().find("w");
    EXPECT_FALSE(tensor_of(*manifest).is_parameter);
    ASSERT_TRUE(value.attributes());
    EXPECT_EQ(value.attributes()->find("mask")->number(), 1u);
    EXPECT_EQ(manifest->named_tensors().size(), 1u);
    EXPECT_EQ(manifest->tensors().size(), 2u);
  }
  const auto parameter =
      describe_w(from_type(view, "ctorch.nn.parameter\nParameter\n", arguments, "}"));
  ASSERT_OK(parameter);
  EXPECT_TRUE(tensor_of(*parameter).is_parameter);

  const auto wrong = [&](const std::string& instructions) {
    EXPECT_ERROR(describe_w(instructions), ErrorKind::kLayout, "arguments");
  };
  wrong(from_type(view, "ctorch\nSize\n", arguments, "}"));
  wrong(from_type(view, "ccollections\nOrderedDict\n", arguments, "}"));
  wrong(from_type(view, "ctorch\nFloatStorage\n", arguments, "}"));
  wrong(from_type("ctorch\nfloat32\n", "ctorch\nTensor\n", arguments, "}"));
  wrong(from_type(view, "N", arguments, "}"));
  wrong(from_type("ctorch._tensor\n_rebuild_from_type_v2\n", "ctorch\nTensor\n", arguments, "}"));
  wrong(from_type("ctorch._utils\n_rebuild_parameter\n", "ctorch\nTensor\n", arguments, "}"));
  wrong(from_type(view, "ctorch\nTensor\n", arguments, "]"));
  wrong(from_type(view, "ctorch\nTensor\n", push::integer(1), "}"));
  wrong(from_type(view, "ctorch\nTensor\n", tuple({}), "}"));
}

// A tensor among its own attributes.
TEST(TensorsWithAttributes, MayHoldThemselves) {
  const std::string parameter = push::call("torch._utils", "_rebuild_parameter_with_state",
                                           {floats({3}), push::boolean(true), push::no_hooks(),
                                            PickleBuilder("").empty_dict().put(1).bytes()}) +
                                PickleBuilder("").put(0).bytes();
  const std::string loop = parameter + PickleBuilder("").get(1).text("self").get(0).bytes() + "s0";
  const auto manifest = describe_w(loop);
  ASSERT_OK(manifest);
  const Value value = *manifest->root().find("w");
  EXPECT_EQ(value.attributes()->find("self")->number(), value.number());
}

// torch 0.1: torch.FloatTensor() and then BUILD.
TEST(TensorsOfAClass, AreFilledByBuild) {
  const std::string storage = PickleBuilder("").storage("FloatStorage", "1", 64).bytes();
  const std::string state =
      tuple({storage, push::integer(2), push::integers({3, 2}), push::integers({1, 3})});
  const std::string empty = push::call("torch", "FloatTensor", {});
  const auto manifest = describe_w(empty + state + "b");
  ASSERT_OK(manifest);
  EXPECT_EQ(tensor_of(*manifest).offset, 2);
  EXPECT_EQ(tensor_of(*manifest).numel, 6);
  EXPECT_ERROR(describe_w(empty), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(describe_w(empty + "}b"), ErrorKind::kLayout, "arguments");
  EXPECT_ERROR(describe_w(push::call("torch", "FloatTensor", {"K\x01"}) + state + "b"),
               ErrorKind::kLayout, "arguments");
}

}  // namespace
}  // namespace hardload
