// How a pickle ends: cut anywhere, with something left over, or followed by more.

#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "tests/pickle/run.h"
#include "tests/support/files.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

using testing::PickleBuilder;
using testing::result_of;

// The data.pkl of a golden file.
std::string pickle_of(const std::string& path) {
  const auto source = FileSource::open(path).value();
  const auto archive = TorchArchive::open(*source, {}, true).value();
  return testing::text_of(read_record(*source, archive.pickle(), {.limits = {}}).value().bytes());
}

// P01
TEST(MachineEnd, EveryPrefixOfARealPickleIsRefused) {
  std::size_t prefixes = 0;
  for (const std::string& path : testing::golden_archives()) {
    const std::string pickle = pickle_of(path);
    EXPECT_OK(testing::run(pickle)) << path;
    if (pickle.size() > 5000) continue;  // the time is quadratic
    for (std::size_t size = 0; size < pickle.size(); ++size) {
      const auto graph = testing::run(std::string_view(pickle).substr(0, size));
      ASSERT_TRUE(testing::is_error(graph, ErrorKind::kPickle)) << path << " cut to " << size;
      EXPECT_LE(graph.error().offset(), size);
      EXPECT_EQ(graph.error().record(), testing::kRecord);
    }
    prefixes += pickle.size();
  }
  EXPECT_GT(prefixes, 10'000u);
}

// P01
TEST(MachineEnd, SaysWhatIsCut) {
  EXPECT_REFUSED("\x80\x02", ErrorKind::kPickle, 2, "ends without STOP");
  EXPECT_REFUSED("\x80\x02N", ErrorKind::kPickle, 3, "ends without STOP");
  for (const std::string_view cut : {"J\1\2\3", "K", "M\1", "G\1\2\3\4\5\6\7", "q", "r\1\1\1", "h",
                                     "j\1\1\1", "\x8a", "\x8b\1\1\1", "X\1\1\1", "T\1\1\1", "U"}) {
    EXPECT_REFUSED(PickleBuilder().none().raw(cut).bytes(), ErrorKind::kPickle, 3,
                   "ends inside an instruction")
        << cut;
  }
}

// P11
TEST(MachineEnd, RefusesAStringThatRunsPastThePickle) {
  using namespace std::string_literals;
  EXPECT_REFUSED(
      "\x80\x02X\x04\x00\x00\x00"
      "abc"s,
      ErrorKind::kPickle, 2, "a string of 4 bytes runs past the pickle");
  EXPECT_REFUSED(
      "\x80\x02X\xff\xff\xff\xff"
      "abc"s,
      ErrorKind::kPickle, 2, "a string of 4294967295 bytes runs past the pickle");
  EXPECT_REFUSED(
      "\x80\x02T\xff\xff\xff\x7f"
      "abc"s,
      ErrorKind::kPickle, 2, "a string of 2147483647 bytes runs past the pickle");
  EXPECT_REFUSED(
      "\x80\x02U\x04"
      "abc"s,
      ErrorKind::kPickle, 2, "a string of 4 bytes");
  EXPECT_EQ(result_of("\x80\x02X\x03\x00\x00\x00"
                      "abc."s),
            "'abc'");
}

// P23
TEST(MachineEnd, RefusesWhatIsLeftOnTheStack) {
  EXPECT_REFUSED("\x80\x02NN.", ErrorKind::kPickle, 4, "left on the stack at STOP");
  EXPECT_REFUSED("\x80\x02(N.", ErrorKind::kPickle, 4, "left on the stack at STOP");
  EXPECT_REFUSED("\x80\x02N(N.", ErrorKind::kPickle, 5, "left on the stack at STOP");
  EXPECT_EQ(result_of("\x80\x02NN0."), "None");
}

// P24
TEST(MachineEnd, RefusesWhatFollows) {
  EXPECT_REFUSED("\x80\x02N..", ErrorKind::kPickle, 4, "1 bytes follow the pickle's STOP");
  EXPECT_REFUSED("\x80\x02N.\x80\x02N.", ErrorKind::kPickle, 4, "4 bytes follow");
  EXPECT_REFUSED("\x80\x02N.\n", ErrorKind::kPickle, 4, "1 bytes follow");
}

// P26: the name is what the user has to know of; whatever was made from it may have led to the
// rest.
TEST(MachineEnd, AnUnlistedNameIsToldWhateverIsMalformedLater) {
  using namespace std::string_literals;
  const std::string call =
      "\x80\x02"
      "cos\nsystem\nU\x02ls\x85R";
  EXPECT_REFUSED(call + ".", ErrorKind::kGlobal, call.size(), "os.system");
  EXPECT_REFUSED(call, ErrorKind::kGlobal, call.size(), "os.system");
  EXPECT_REFUSED(call + "\xff.", ErrorKind::kGlobal, call.size(), "os.system");
  const std::string argument =
      "\x80\x02"
      "c__builtin__\ncomplex\ncos\nsystem\nG\0\0\0\0\0\0\0\0\x86"s;
  EXPECT_REFUSED(argument + "R.", ErrorKind::kGlobal, argument.size(), "os.system");
}

// No byte of a pickle can be changed to anything that escapes the machine's errors.
TEST(MachineEnd, AnyOtherByteAnywhereGivesAValueOrAnError) {
  const std::string good = PickleBuilder()
                               .empty_dict()
                               .put(0)
                               .mark()
                               .text("w")
                               .tensor("FloatStorage", "0", 2, {2}, {1})
                               .text("n")
                               .raw(
                                   "](K\x01K\x02"
                                   "e")
                               .op('u')
                               .stop();
  ASSERT_OK(testing::run(good));
  int refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int code = 0; code < 256; ++code) {
      std::string pickle = good;
      pickle[at] = static_cast<char>(code);
      const auto graph = testing::run(pickle);
      if (graph.ok()) continue;
      ++refused;
      ASSERT_LE(graph.error().offset(), good.size());
      ASSERT_EQ(graph.error().record(), testing::kRecord);
      ASSERT_FALSE(graph.error().problem().empty());
    }
  }
  EXPECT_GT(refused, 1000);
}

// However far max_pickle_bytes is raised. Memory that is not looked at costs nothing.
TEST(MachineEnd, RefusesAPickleOf4GiB) {
  auto buffer = Buffer::allocate(0xFFFFFFFF);
  ASSERT_OK(buffer);
  const auto graph =
      run_pickle(*std::move(buffer), testing::kRecord, {}, Unlisted::kRefuse, Dialect::kPython);
  ASSERT_TRUE(
      testing::is_error(graph, ErrorKind::kLimit, "a pickle of 4294967295 bytes is too large"));
  EXPECT_EQ(graph.error().record(), testing::kRecord);
}

}  // namespace
}  // namespace hardload
