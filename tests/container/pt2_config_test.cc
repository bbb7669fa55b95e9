#include "loader/container/pt2_config.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

Result<Pt2Config> parse(std::string_view text, const Limits& limits = {}) {
  Buffer buffer = Buffer::allocate(text.size()).value();
  const auto bytes = std::as_bytes(std::span(text));
  std::copy(bytes.begin(), bytes.end(), buffer.bytes().begin());
  return parse_pt2_config(std::move(buffer), limits);
}

// A member of the list, with one of its own texts replaced.
std::string weight(std::string_view from = "", std::string_view to = "") {
  std::string text =
      R"("fc.weight": {"path_name": "weight_0", "is_param": true, "use_pickle": false, "tensor_meta":)"
      R"( {"dtype": 7, "sizes": [{"as_int": 3}, {"as_int": 4}], "requires_grad": true, "device":)"
      R"( {"type": "cuda", "index": 1}, "strides": [{"as_int": 4}, {"as_int": 1}],)"
      R"( "storage_offset": {"as_int": 2}, "layout": 7}})";
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return text;
}

std::string list(const std::string& weights) { return "{\"config\": {" + weights + "}}"; }

TEST(Pt2Config, ReadsWhatTorchWrites) {
  const auto config = parse(list(weight() + ", " + weight("fc.weight", "b") + "\n"));
  ASSERT_OK(config);
  ASSERT_EQ(config->weights.size(), 2u);
  const Pt2Weight& first = config->weights[0];
  EXPECT_EQ(first.name, "fc.weight");
  EXPECT_EQ(first.path_name, "weight_0");
  EXPECT_EQ(first.location, "cuda:1");
  EXPECT_EQ(first.dtype, Dtype::kFloat32);
  EXPECT_TRUE(first.is_parameter);
  EXPECT_TRUE(first.requires_grad);
  EXPECT_EQ(first.rank, 2u);
  EXPECT_EQ(first.offset, 2);
  EXPECT_EQ(config->dims, (std::vector<std::int64_t>{3, 4, 4, 1, 3, 4, 4, 1}));
  EXPECT_EQ(config->weights[1].dims, 4u);
  EXPECT_TRUE(parse(list(""))->weights.empty());
}

// torch/_export/serde/schema.py, ScalarType.
TEST(Pt2Config, DtypesAreThoseOfTheSchema) {
  const std::pair<int, Dtype> numbers[] = {
      {1, Dtype::kUInt8},           {2, Dtype::kInt8},
      {3, Dtype::kInt16},           {4, Dtype::kInt32},
      {5, Dtype::kInt64},           {6, Dtype::kFloat16},
      {7, Dtype::kFloat32},         {8, Dtype::kFloat64},
      {9, Dtype::kComplex32},       {10, Dtype::kComplex64},
      {11, Dtype::kComplex128},     {12, Dtype::kBool},
      {13, Dtype::kBFloat16},       {28, Dtype::kUInt16},
      {29, Dtype::kFloat8E4M3FN},   {30, Dtype::kFloat8E5M2},
      {31, Dtype::kFloat8E4M3FNUZ}, {32, Dtype::kFloat8E5M2FNUZ},
  };
  for (const auto& [number, dtype] : numbers) {
    const auto config = parse(list(weight("\"dtype\": 7", concat("\"dtype\": ", number))));
    ASSERT_OK(config) << number;
    EXPECT_EQ(config->weights[0].dtype, dtype) << number;
  }
  for (const int number : {0, 14, 27, 33}) {
    EXPECT_ERROR(parse(list(weight("\"dtype\": 7", concat("\"dtype\": ", number)))),
                 ErrorKind::kUnsupported, concat("dtype number ", number));
  }
}

TEST(Pt2Config, ADeviceMayHaveNoIndex) {
  const auto config = parse(list(weight("\"index\": 1", "\"index\": null")));
  ASSERT_OK(config);
  EXPECT_EQ(config->weights[0].location, "cuda");
}

TEST(Pt2Config, ANameStandsThereOnce) {
  EXPECT_ERROR(parse(list(weight() + "," + weight())), ErrorKind::kKey,
               "'fc.weight' is listed twice");
  EXPECT_ERROR(parse(list(weight("\"is_param\"", "\"use_pickle\""))), ErrorKind::kContainer,
               "'use_pickle' stands there twice");
}

TEST(Pt2Config, RefusesWhatIsNotRead) {
  EXPECT_ERROR(parse(list(weight("\"use_pickle\": false", "\"use_pickle\": true"))),
               ErrorKind::kUnsupported, "subclass of Tensor");
  EXPECT_ERROR(parse(list(weight("\"layout\": 7", "\"layout\": 1"))), ErrorKind::kUnsupported,
               "layout");
  EXPECT_ERROR(parse(list(weight("\"dtype\": 7", "\"dtype\": 99"))), ErrorKind::kUnsupported,
               "dtype number 99");
  EXPECT_ERROR(parse(list(weight("\"as_int\": 3", "\"as_expr\": {}"))), ErrorKind::kUnsupported,
               "'as_expr'");
  EXPECT_ERROR(parse(list(weight("\"layout\": 7", "\"layout\": 7, \"x\": 1"))),
               ErrorKind::kUnsupported, "'x'");
  EXPECT_ERROR(parse("{\"weights\": {}}"), ErrorKind::kUnsupported, "'weights'");
}

TEST(Pt2Config, RefusesWhatIsMissingOrOfAnotherForm) {
  EXPECT_ERROR(parse(list(weight("\"path_name\": \"weight_0\", ", ""))), ErrorKind::kContainer,
               "path_name");
  EXPECT_ERROR(parse(list(weight("\"dtype\": 7, ", ""))), ErrorKind::kContainer, "no dtype");
  EXPECT_ERROR(parse(list(weight(", \"layout\": 7", ""))), ErrorKind::kContainer, "layout");
  EXPECT_ERROR(parse(list(weight("\"type\": \"cuda\", ", ""))), ErrorKind::kContainer, "no type");
  EXPECT_ERROR(parse(list("\"a\": {\"path_name\": \"w\", \"tensor_meta\": null}")),
               ErrorKind::kContainer, "tensor_meta");
  EXPECT_ERROR(parse(list(weight("{\"as_int\": 4}, ", ""))), ErrorKind::kLayout,
               "differ in number");
  EXPECT_ERROR(parse(list(weight("{\"as_int\": 2}", "{}"))), ErrorKind::kContainer, "no integer");
  EXPECT_ERROR(parse(list(weight("\"as_int\": 3", "\"as_int\": 9223372036854775808"))),
               ErrorKind::kContainer, "no integer");
  EXPECT_ERROR(parse(list(weight("\"is_param\": true", "\"is_param\": 1"))), ErrorKind::kContainer,
               "'1' where true or false");
  EXPECT_OK(parse(list(weight("\"is_param\": true", "\"is_param\": false"))));
  EXPECT_ERROR(parse(list(weight()) + "x"), ErrorKind::kContainer, "more behind");
  for (const char* text : {"", "[]", "{", "{\"config\": []}", "{\"config\": {\"a\": 1}}"}) {
    EXPECT_ERROR(parse(text), ErrorKind::kContainer, "");
  }
}

TEST(Pt2Config, WeightsAreBounded) {
  const std::string two = list(weight() + "," + weight("fc.weight", "b"));
  EXPECT_OK(parse(two, {.max_records = 2}));
  EXPECT_ERROR(parse(two, {.max_records = 1}), ErrorKind::kLimit,
               "more weights than max_records, 1");
}

TEST(Pt2Config, RanksAreBounded) {
  EXPECT_OK(parse(list(weight()), {.max_rank = 2}));
  EXPECT_ERROR(parse(list(weight()), {.max_rank = 1}), ErrorKind::kLimit, "max_rank, 1");
}

}  // namespace
}  // namespace hardload
