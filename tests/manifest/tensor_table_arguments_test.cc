// TensorTable on calls that torch.save does not write: refused, with the tensor's name.

#include <algorithm>
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
using namespace std::string_literals;
using testing::describe_call;
using testing::describe_w;
using testing::PickleBuilder;

constexpr std::string_view kWrongArguments =
    "at 'w': the tensor is rebuilt with arguments that torch.save does not write";

// Pushes one value of each type.
const std::vector<std::pair<std::string_view, std::string>> kTypes = {
    {"none", "N"},
    {"bool", "\x88"},
    {"int", "K\x01"},
    {"big int", "\x8a\x09\0\0\0\0\0\0\0\0\1"s},
    {"float", "G?\xf0\0\0\0\0\0\0"s},
    {"text", "U\x01x"},
    {"bytes", "c_codecs\nencode\nU\x01xU\x06latin1\x86R"},
    {"list",
     "](K\x01"
     "e"},
    {"tuple of int", "K\x01\x85"},
    {"tuple of float", "G?\xf0\0\0\0\0\0\0\x85"s},
    {"tuple of bool", "\x88\x85"},
    {"tuple of big int", "\x8a\x09\0\0\0\0\0\0\0\0\1\x85"s},
    {"dict", "}"},
    {"dict of bools", "}U\x03neg\x88s"},
    {"dict of ints", "}U\x03negK\0s"s},
    {"dict of other keys",
     "}U\x03"
     "foo\x89s"},
    {"dict with an int key", "}K\x01\x89s"},
    {"no hooks", "ccollections\nOrderedDict\n)R"},
    {"hooks", "ccollections\nOrderedDict\n)RK\x01Ns"},
    {"set", "\x8f"},
    {"dtype", "ctorch\nfloat32\n"},
    {"dtype below a byte", "ctorch\nint4\n"},
    {"qscheme", "ctorch\nper_tensor_affine\n"},
    {"class", "ctorch\nFloatStorage\n"},
    {"storage", PickleBuilder("").storage("FloatStorage", "0", 6).bytes()},
    {"tensor", testing::tensor()},
};

// A rebuild function: what it takes, and which types each argument may have.
struct Function {
  std::string name;
  std::vector<std::string> arguments;  // valid
  std::size_t optional;                // so many of the last may be missing
  std::vector<std::vector<std::string_view>> types;
};

std::vector<Function> functions() {
  const std::vector<std::string_view> is_storage = {"storage"}, is_int = {"int"},
                                      is_dims = {"tuple of int"}, is_bool = {"bool"},
                                      is_hooks = {"none", "no hooks"}, is_dtype = {"dtype"},
                                      is_metadata = {"dict", "dict of bools"},
                                      is_tensor = {"tensor"},
                                      is_attributes = {"none",
                                                       "dict",
                                                       "dict of bools",
                                                       "dict of ints",
                                                       "dict of other keys",
                                                       "dict with an int key"};
  const std::string storage = push::storage("FloatStorage", 6), zero = "K\0"s, dims = "K\x01\x85",
                    no = "\x89", hooks = push::no_hooks(), float32 = "ctorch\nfloat32\n";
  return {
      {"_rebuild_tensor", {storage, zero, dims, dims}, 0, {is_storage, is_int, is_dims, is_dims}},
      {"_rebuild_tensor_v2",
       {storage, zero, dims, dims, no, hooks, "}"},
       1,
       {is_storage, is_int, is_dims, is_dims, is_bool, is_hooks, is_metadata}},
      {"_rebuild_tensor_v3",
       {storage, zero, dims, dims, no, hooks, float32, "}"},
       1,
       {is_storage, is_int, is_dims, is_dims, is_bool, is_hooks, is_dtype, is_metadata}},
      {"_rebuild_parameter", {testing::tensor(), no, hooks}, 0, {is_tensor, is_bool, is_hooks}},
      {"_rebuild_parameter_with_state",
       {testing::tensor(), no, hooks, "}"},
       0,
       {is_tensor, is_bool, is_hooks, is_attributes}},
      {"_rebuild_meta_tensor_no_storage",
       {float32, dims, dims, no},
       0,
       {is_dtype, is_dims, is_dims, is_bool}},
  };
}

// G10
TEST(TensorArguments, AreAsManyAsTorchWrites) {
  for (const Function& function : functions()) {
    const std::size_t most = function.arguments.size(), least = most - function.optional;
    for (std::size_t count = 0; count <= 20; ++count) {
      auto arguments = function.arguments;
      arguments.resize(count, "N");
      const auto manifest = describe_call(function.name, arguments);
      if (count >= least && count <= most) {
        EXPECT_OK(manifest) << function.name << " of " << count;
      } else {
        EXPECT_ERROR(manifest, ErrorKind::kLayout, kWrongArguments)
            << function.name << " of " << count;
      }
    }
  }
}

// G10, G16
TEST(TensorArguments, AreOfTheTypesThatTorchWrites) {
  int refused = 0;
  for (const Function& function : functions()) {
    for (std::size_t i = 0; i < function.arguments.size(); ++i) {
      for (const auto& [type, instructions] : kTypes) {
        const auto& right = function.types[i];
        const bool is_right = std::find(right.begin(), right.end(), type) != right.end();
        auto arguments = function.arguments;
        arguments[i] = instructions;
        const auto manifest = describe_call(function.name, arguments);
        const std::string place = concat(function.name, " argument ", i, ": ", type);
        if (is_right) {
          EXPECT_OK(manifest) << place;
        } else {
          EXPECT_ERROR(manifest, ErrorKind::kLayout, kWrongArguments) << place;
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(TensorArguments, ListsAreNoSizes) {
  EXPECT_ERROR(describe_call("_rebuild_tensor", {push::storage("FloatStorage", 6), "K\0"s,
                                                 "](K\x01"
                                                 "e",
                                                 "K\x01\x85"}),
               ErrorKind::kLayout, kWrongArguments);
}

// T16, G11, G13, G14: well formed as far as this is known, but of a kind that is not loaded.
TEST(TensorKinds, OthersAreUnsupportedByName) {
  struct Case {
    std::string module, name;
    std::string_view kind;
  };
  const Case cases[] = {
      {"torch._utils", "_rebuild_nested_tensor", "a nested tensor"},
      {"torch._utils", "_rebuild_wrapper_subclass", "a tensor of a wrapper subclass"},
      {"torch._utils", "_rebuild_device_tensor_from_numpy",
       "a tensor of a device without storages"},
      {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor",
       "a tensor of a device without storages"},
      {"torch.nn.parameter", "Parameter", "a parameter in the form of torch 0.3 or older"},
  };
  for (const auto& [module, name, kind] : cases) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{}, {"\x8a\x06\0\0\0\0\0\1"s}, {"N", "]", "}"}}) {  // G05
      const auto manifest = describe_w(push::call(module, name, arguments));
      EXPECT_ERROR(manifest, ErrorKind::kUnsupported,
                   concat("at 'w': this is ", kind, ", which this version does not load"));
      EXPECT_ERROR(manifest, ErrorKind::kUnsupported, "Convert it to a plain dense tensor");
    }
  }
}

TEST(TensorKinds, AreUnsupportedInsideOfAParameter) {
  const std::string nested = push::call("torch._utils", "_rebuild_nested_tensor", {});
  EXPECT_ERROR(describe_call("_rebuild_parameter", {nested, "\x88", "N"}), ErrorKind::kUnsupported,
               "at 'w': this is a nested tensor");
}

TEST(TensorState, OfBuildIsRefused) {
  EXPECT_OK(describe_w(testing::tensor()));
  EXPECT_ERROR(describe_w(testing::tensor() + "}b"), ErrorKind::kLayout,
               "at 'w': a tensor is changed by BUILD");
}

std::string parameter_of(const std::string& data) {
  return push::call("torch._utils", "_rebuild_parameter", {data, "\x88", "N"});
}

// G12
TEST(TensorKinds, ParametersMayBeWrappedUpToMaxDepth) {
  const auto describe_wrapped = [](int times, const Limits& limits) {
    std::string data = testing::tensor();
    std::string before, after;
    for (int i = 0; i < times; ++i) {
      before += "ctorch._utils\n_rebuild_parameter\n(";
      after += "\x88NtR";
    }
    return describe_w(before + data + after, limits);
  };
  const auto twice = describe_w(parameter_of(parameter_of(testing::tensor())));
  ASSERT_OK(twice);
  EXPECT_TRUE(twice->tensors()[twice->named_tensors()[0].tensor].is_parameter);
  EXPECT_OK(describe_wrapped(5, {.max_depth = 5}));
  EXPECT_ERROR(describe_wrapped(6, {.max_depth = 5}), ErrorKind::kLimit,
               "at 'w': a parameter is wrapped deeper than max_depth, 5");
  EXPECT_ERROR(describe_wrapped(100'000, {}), ErrorKind::kLimit, "max_depth, 10000");
}

TEST(TensorTable, OneObjectIsOneTensor) {
  const std::string tensor = testing::tensor();
  const auto shared = testing::describe_pickle(
      PickleBuilder().empty_list().mark().raw(tensor).put(0).get(0).raw(tensor).op('e'));
  ASSERT_OK(shared);
  ASSERT_EQ(shared->named_tensors().size(), 3u);
  EXPECT_EQ(shared->named_tensors()[0].tensor, shared->named_tensors()[1].tensor);
  EXPECT_NE(shared->named_tensors()[0].tensor, shared->named_tensors()[2].tensor);
  EXPECT_EQ(shared->root().item(0).number(), shared->root().item(1).number());
  EXPECT_EQ(shared->tensors().size(), 2u);
  EXPECT_EQ(shared->storages().size(), 1u);
}

// A tensor and the parameter made of it are two objects over one storage.
TEST(TensorTable, AParameterDoesNotChangeItsData) {
  const auto manifest =
      testing::describe_pickle(PickleBuilder()
                                   .empty_list()
                                   .mark()
                                   .raw(testing::tensor())
                                   .put(0)
                                   .raw(push::call("torch._utils", "_rebuild_parameter",
                                                   {PickleBuilder("").get(0).bytes(), "\x88", "N"}))
                                   .op('e'));
  ASSERT_OK(manifest);
  const auto named = manifest->named_tensors();
  ASSERT_EQ(named.size(), 2u);
  EXPECT_FALSE(manifest->tensors()[named[0].tensor].is_parameter);
  EXPECT_FALSE(manifest->tensors()[named[0].tensor].requires_grad);
  EXPECT_TRUE(manifest->tensors()[named[1].tensor].is_parameter);
  EXPECT_TRUE(manifest->tensors()[named[1].tensor].requires_grad);
}

}  // namespace
}  // namespace hardload
