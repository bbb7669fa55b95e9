// check_keys: keys that Python holds to be equal are one key, keys it cannot hash are refused.

#include "loader/manifest/hashable.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pickle/run.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::PickleBuilder;

// A set that holds what `instructions` push, its items not checked yet.
class Keys {
 public:
  explicit Keys(const std::string& instructions)
      : graph_(testing::run(PickleBuilder().mark().raw(instructions).tuple().stop()).value()) {}

  Result<void> check(std::size_t stride = 1, std::uint64_t budget = 1 << 20,
                     std::uint64_t max_depth = 10'000) {
    const auto charge = [&](std::uint64_t bytes) -> Result<void> {
      work_ += bytes;
      if (work_ <= budget) return {};
      return Error(ErrorKind::kLimit, Stage::kManifest, "too much work");
    };
    return check_keys(graph_, graph_.items_of(graph_.root), stride,
                      {.charge = charge, .max_depth = max_depth});
  }
  std::uint64_t work() const { return work_; }

 private:
  ValueGraph graph_;
  std::uint64_t work_ = 0;
};

const std::string kZero = "G\0\0\0\0\0\0\0\0"s, kMinusZero = "G\x80\0\0\0\0\0\0\0"s,
                  kOne = "G?\xf0\0\0\0\0\0\0"s, kHalf = "G?\xe0\0\0\0\0\0\0"s,
                  kBytesA =
                      "c_codecs\nencode\nU\x01"
                      "aU\x06latin1\x86R",
                  kBytesB =
                      "c_codecs\nencode\nU\x01"
                      "bU\x06latin1\x86R",
                  kSize1 = "ctorch\nSize\nK\x01\x85\x85R", kInt8 = "ctorch\nint8\n",
                  kTensor = "ctorch\nTensor\n)R", kTwoTo63 = "GC\xe0\0\0\0\0\0\0"s,
                  kMinusTwoTo63 = "G\xc3\xe0\0\0\0\0\0\0"s, kNan = "G\x7f\xf8\0\0\0\0\0\0"s,
                  kMinusOne = "G\xbf\xf0\0\0\0\0\0\0"s, kMinusTwoTo100 = "G\xc6\x30\0\0\0\0\0\0"s,
                  kComplex = "c__builtin__\ncomplex\n",
                  kDevice =
                      "ctorch\ndevice\nU\x03"
                      "cpu\x85R",
                  kBig = "\x8a\x09\0\0\0\0\0\0\0\0\1"s, kOtherBig = "\x8a\x09\1\0\0\0\0\0\0\0\1"s;

// P22
TEST(CheckKeys, RefusesAKeyThatStandsTwice) {
  for (const std::string& instructions : {
           "U\x01"
           "aU\x01"
           "a"s,
           "U\0U\0"s,
           "K\x01K\x01"s,
           "NN"s,
           "\x88\x88"s,
           "K\x01\x88"s,
           "\x89K\0"s,
           "K\x01"s + kOne,
           "\x88"s + kOne,
           "\x89"s + kMinusZero,
           kZero + kMinusZero,
           kHalf + kHalf,
           kBytesA + kBytesA,
           kBig + kBig,
           "))"s,
           "K\x01\x85K\x01\x85"s,
           "K\x01\x85\x88\x85"s,
           "K\x01\x85"s + kSize1,
           kSize1 + kSize1,
           "U\x01xN\x86U\x01xN\x86"s,
           "K\x01\x85\x85K\x01\x85\x85"s,
           kMinusTwoTo63 + "\x8a\x08\0\0\0\0\0\0\0\x80"s,
           "K\x01K\x02K\x03K\x04K\x02"s,
           kInt8 + "q\0h\0"s,
           kTensor + "q\0h\0"s,
           "X\1\0\0\0"
           "aU\x01"
           "a"s,
           kInt8 + kInt8,
           kDevice + kDevice,
           "ctorch\nFloatStorage\nctorch\nFloatStorage\n"s,
           "K\1\x8a\x09\1\0\0\0\0\0\0\0\0"s,
           kBig + "\x8a\x0a\0\0\0\0\0\0\0\0\1\0"s,
           kMinusOne + "\x8a\x01\xff"s,
           kComplex + kOne + kZero + "\x86RK\1"s,
           kTwoTo63 + "\x8a\x09\0\0\0\0\0\0\0\x80\0"s,
           kMinusTwoTo100 + "\x8a\x0d\0\0\0\0\0\0\0\0\0\0\0\0\xf0"s,
           kComplex + kOne + kHalf + "\x86R"s + kComplex + kOne + kHalf + "\x86R",
       }) {
    EXPECT_ERROR(Keys(instructions).check(), ErrorKind::kKey, "stands twice in one dict or set")
        << instructions;
  }
}

TEST(CheckKeys, TakesKeysThatDiffer) {
  for (const std::string& instructions : {
           ""s,
           "U\x01"
           "aU\x01"
           "b"s,
           "U\x01"
           "1K\x01"s,
           "U\0N)"s,
           kHalf + kOne,
           "U\x01"
           "a"s +
               kBytesA,
           kBytesA + kBytesB,
           "U\x04None"
           "N"s,
           "K\x01\x85K\x01"s,
           "K\x01K\x02\x86K\x02K\x01\x86"s,
           "K\x01\x85K\x01\x85\x85"s,
           ")\x29\x85"s,
           "K\x01K\x02\x86K\x03\x86"
           "K\x01K\x02K\x03\x86\x86"s,  // ((1, 2), 3), (1, (2, 3))
           kBig + kOtherBig,
           kTwoTo63 + "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"s,
           "U\x03(1:\x85"s + "U\x01(U\x01:\x86",
           "U\x01xU\x01y\x86U\x02xy\x85"s,
           kInt8 + "ctorch\nint16\n"s,
           kTensor + kTensor,
           "K\0U\1"
           "0\x89\x85"s,
           "U\x03s1:U\x01s"s,
           "K\xffJ\xff\xff\xff\xff"s,
           kNan + kNan,
           kNan + "\x85"s + kNan + "\x85",
           kDevice + "ctorch\ndevice\nU\x03"
                     "cpuK\0\x86R"s,
           kComplex + kOne + kHalf + "\x86R"s + kComplex + kHalf + kOne + "\x86R",
           kTwoTo63 + "\x8a\x09\1\0\0\0\0\0\0\x80\0"s,
       }) {
    EXPECT_OK(Keys(instructions).check()) << instructions;
  }
}

// P18
TEST(CheckKeys, RefusesKeysThatAreNestedTooDeep) {
  EXPECT_OK(Keys(")" + std::string(9, '\x85')).check(1, 1 << 20, 10));
  EXPECT_ERROR(Keys(")" + std::string(10, '\x85')).check(1, 1 << 20, 10), ErrorKind::kLimit,
               "max_depth, 10");
}

TEST(CheckKeys, NamesTheRepeatedKey) {
  EXPECT_ERROR(Keys(kHalf + kHalf).check(), ErrorKind::kKey, "the key of type float stands");
  EXPECT_ERROR(Keys("U\x03"
                    "fooU\x03"
                    "foo")
                   .check(),
               ErrorKind::kKey, "the key 'foo' stands");
  EXPECT_ERROR(Keys("K\x07"
                    "K\x07")
                   .check(),
               ErrorKind::kKey, "the key 7 stands");
  const std::string key = "X\x2c\1\0\0"s + std::string(300, 'k');
  EXPECT_ERROR(Keys(key + key).check(), ErrorKind::kKey,
               "the key '" + std::string(200, 'k') + "' stands");
}

// P22
TEST(CheckKeys, RefusesWhatPythonCannotHash) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"]", "a list is used as a key"},
      {"}", "a dict is used as a key"},
      {"\x8f", "a set is used as a key"},
      {"c__builtin__\nbytearray\n)R", "a bytearray is used as a key"},
      {"ccollections\nOrderedDict\n)R", "a collections.OrderedDict is used as a key"},
      {"ccollections\nCounter\n)R", "a collections.Counter is used as a key"},
  };
  for (const auto& [instructions, part] : cases) {
    EXPECT_ERROR(Keys(instructions).check(), ErrorKind::kPickle, part);
    EXPECT_ERROR(Keys(instructions + "\x85").check(), ErrorKind::kPickle, part);
    EXPECT_ERROR(Keys("K\x01U\x01xK\x02" + instructions + "\x86\x87").check(), ErrorKind::kPickle,
                 part);
  }
}

TEST(CheckKeys, TakesAllThatPythonCanHash) {
  for (const std::string& instructions : {
           "N"s,
           "\x88"s,
           "K\x01"s,
           kBig,
           kHalf,
           "U\x01x"s,
           kBytesA,
           ")"s,
           kSize1,
           kInt8,
           kTensor,
           "ctorch\nper_tensor_affine\n"s,
           "ctorch\nFloatStorage\n"s,
           ")Q"s,
           "ctorch\ndevice\nU\x03"
           "cpu\x85R"s,
           "ctorch.serialization\n_get_layout\nU\x0dtorch.strided\x85R"s,
           "c__builtin__\ncomplex\n"s + kHalf + kHalf + "\x86R",
       }) {
    EXPECT_OK(Keys(instructions).check()) << instructions;
  }
}

TEST(CheckKeys, LooksAtEverySecondSlotOfADict) {
  EXPECT_OK(Keys("U\x01"
                 "a]U\x01"
                 "b]")
                .check(2));
  EXPECT_OK(Keys("U\x01"
                 "aU\x01"
                 "bU\x01"
                 "bU\x01"
                 "b")
                .check(2));
  EXPECT_ERROR(Keys("U\x01"
                    "aNU\x01"
                    "aN")
                   .check(2),
               ErrorKind::kKey, "'a'");
  EXPECT_ERROR(Keys("]U\x01"
                    "a")
                   .check(2),
               ErrorKind::kPickle, "a list is used as a key");
  EXPECT_ERROR(Keys("U\x01"
                    "a]")
                   .check(1),
               ErrorKind::kPickle, "a list is used as a key");
}

TEST(CheckKeys, FindsOneRepeatedAmongMany) {
  PickleBuilder keys("");
  for (int i = 0; i < 5000; ++i) keys.text(concat("key", i)).integer(i);
  EXPECT_OK(Keys(keys.bytes()).check());
  EXPECT_ERROR(Keys(keys.bytes() + PickleBuilder("").text("key17").bytes()).check(),
               ErrorKind::kKey, "'key17'");
  EXPECT_ERROR(Keys(keys.bytes() + PickleBuilder("").integer(4999).bytes()).check(),
               ErrorKind::kKey, "4999");
}

// P18, P20: nested and shared tuples, which could take more work than the pickle is long.
TEST(CheckKeys, ChargesForItsWork) {
  std::string nested = ")";
  for (int i = 0; i < 1000; ++i) nested += "\x85";
  Keys deep(nested);
  EXPECT_OK(deep.check());
  EXPECT_GE(deep.work(), 1000u);
  EXPECT_LE(deep.work(), 100'000u);

  std::string laughs = ")";  // each tuple holds the one before twice
  for (char i = 0; i < 40; ++i) laughs += "q"s + i + "h" + i + "\x86";
  Keys shared(laughs);
  EXPECT_ERROR(shared.check(), ErrorKind::kLimit, "too much work");
}

}  // namespace
}  // namespace hardload
