// PickleWriter gives the bytes of Python's pickler: what is expected here was written by
// pickle.dumps(value, 2) of Python 3.11.

#include "loader/pickle/pickle_writer.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "loader/container/crc32.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::as_bytes;

// All of a literal, NULs included.
template <std::size_t N>
std::string_view raw(const char (&literal)[N]) {
  return {literal, N - 1};
}

std::string stopped(PickleWriter&& pickle) { return std::move(pickle).stop().value(); }

// The pickle of an integer without its frame.
template <typename Integer>
std::string of_integer(const Integer& value) {
  PickleWriter pickle;
  pickle.integer(value);
  const std::string whole = stopped(std::move(pickle));
  return whole.substr(2, whole.size() - 3);
}

TEST(PickleWriter, IntegersTakeTheShortestOpcode) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  const std::pair<std::int64_t, std::string_view> cases[] = {
      {0, raw("\x4b\x00")},
      {-1, "\x4a\xff\xff\xff\xff"},
      {1, "\x4b\x01"},
      {127, "\x4b\x7f"},
      {128, "\x4b\x80"},
      {255, "\x4b\xff"},
      {256, raw("\x4d\x00\x01")},
      {-128, "\x4a\x80\xff\xff\xff"},
      {-129, "\x4a\x7f\xff\xff\xff"},
      {65535, "\x4d\xff\xff"},
      {65536, raw("\x4a\x00\x00\x01\x00")},
      {-32768, raw("\x4a\x00\x80\xff\xff")},
      {2147483647, "\x4a\xff\xff\xff\x7f"},
      {2147483648, raw("\x8a\x05\x00\x00\x00\x80\x00")},
      {-2147483648, raw("\x4a\x00\x00\x00\x80")},
      {-2147483649, "\x8a\x05\xff\xff\xff\x7f\xff"},
      {4294967296, raw("\x8a\x05\x00\x00\x00\x00\x01")},
      {549755813888, raw("\x8a\x06\x00\x00\x00\x00\x80\x00")},
      {549755813887, "\x8a\x05\xff\xff\xff\xff\x7f"},
      {-549755813888, raw("\x8a\x05\x00\x00\x00\x00\x80")},
      {-549755813889, "\x8a\x06\xff\xff\xff\xff\x7f\xff"},
      {kMin, raw("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80")},
      {-(kMin + 1), "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"},
  };
  for (const auto& [value, expected] : cases) {
    EXPECT_EQ(of_integer(value), expected) << value;
    // The same number given as bytes, with its sign repeated.
    std::string wide;
    for (int i = 0; i < 12; ++i) {
      wide += static_cast<char>(i < 8 ? value >> (8 * i) : value < 0 ? -1 : 0);
    }
    EXPECT_EQ(of_integer(as_bytes(wide)), expected) << value;
  }
  EXPECT_EQ(of_integer(as_bytes("")), raw("\x4b\x00"));
  const std::string zeros(254, '\0');
  EXPECT_EQ(of_integer(as_bytes(zeros + "\x7f")), "\x8a\xff" + zeros + "\x7f");
  EXPECT_EQ(of_integer(as_bytes(zeros + '\0' + "\x01")),
            std::string("\x8b\0\1\0\0", 5) + zeros + '\0' + "\x01");
}

TEST(PickleWriter, WritesWhatPythonWrites) {
  PickleWriter pickle;
  pickle.empty_list();
  const Batches batches(Batches::Kind::kList, 14);
  std::size_t i = 0;
  const auto item = [&](const auto& write) {
    batches.before(pickle, i);
    write();
    batches.after(pickle, i++);
  };
  // [b'', b'', b'a', b'a', b'ab', bytearray(b''), bytearray(b'a'), 'a', '', '', 'é', é again, 1+2j,
  //  'latin1']
  item([&] { pickle.bytes({}); });
  item([&] { pickle.bytes({}); });
  item([&] { pickle.bytes(as_bytes("a")); });
  item([&] { pickle.bytes(as_bytes("a")); });
  item([&] { pickle.bytes(as_bytes("ab")); });
  item([&] { pickle.byte_array({}); });
  item([&] { pickle.byte_array(as_bytes("a")); });
  item([&] { pickle.text("a"); });
  item([&] { pickle.text(""); });
  item([&] { pickle.text(""); });
  PickleWriter::Index accent = 0;
  item([&] { accent = pickle.text("\xc3\xa9"); });
  item([&] { pickle.get(accent); });
  item([&] { pickle.complex(1, 2); });
  item([&] { pickle.constant("latin1"); });
  const std::string_view expected = raw(
      "\x80\x02]q\x00(c__builtin__\nbytes\nq\x01)Rq\x02h\x02"
      "c_codecs\nencode\nq\x03X\x01\x00\x00\x00"
      "aq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07h\x07h\x03X\x02\x00\x00\x00"
      "abq\x08h\x05\x86q\tRq\nc__builtin__\nbytearray\nq\x0b)Rq\x0ch\x0bh\x03h\x04h\x05\x86q\rRq"
      "\x0e\x85q\x0fRq\x10X\x01\x00\x00\x00"
      "aq\x11X\x00\x00\x00\x00q\x12h\x12X\x02\x00\x00\x00\xc3\xa9q\x13h\x13"
      "c__builtin__\ncomplex\nq\x14G?\xf0\x00\x00\x00\x00\x00\x00G@\x00\x00\x00\x00\x00\x00\x00\x86"
      "q\x15Rq\x16h\x05"
      "e.");
  EXPECT_EQ(stopped(std::move(pickle)), expected);
}

// CRC-32s of the pickles of [None] * n, {0: None, ...} and OrderedDict({0: None, ...}).
TEST(PickleWriter, BatchesAreThoseOfPython) {
  struct Case {
    std::size_t count;
    std::uint32_t list, dict, ordered;
  };
  const Case cases[] = {
      {0, 0x65303ecc, 0xc50291f2, 0xcd4e5d56},    {1, 0x0f106e2f, 0xdbd0f847, 0xd37b910a},
      {2, 0x9b670d55, 0xac5495d0, 0xc104088f},    {3, 0x32db1ffb, 0x129731eb, 0xdaf3fda8},
      {999, 0xf1eecafb, 0xcddc53c1, 0x43187fd4},  {1000, 0x03df18d3, 0x6beb1b07, 0x5012d6fe},
      {1001, 0x7fca685f, 0xa3592e20, 0xb1b10c1a}, {1002, 0xd2ea5b80, 0xc23031d4, 0x7fd06c2d},
      {2000, 0xa9c51ef4, 0x374131fc, 0xae6f73ca}, {2001, 0xe9f0666c, 0xefe2511c, 0x5780a84b},
      {2500, 0x22827d00, 0x53fb65aa, 0xc3bc9e5a},
  };
  const auto crc = [](PickleWriter&& pickle) {
    return crc32(as_bytes(stopped(std::move(pickle))));
  };
  const auto add_items = [](PickleWriter& pickle, Batches::Kind kind, std::size_t count) {
    const Batches batches(kind, count);
    for (std::size_t i = 0; i < count; ++i) {
      batches.before(pickle, i);
      if (kind != Batches::Kind::kList) pickle.integer(static_cast<std::int64_t>(i));
      pickle.none();
      batches.after(pickle, i);
    }
  };
  for (const Case& expected : cases) {
    PickleWriter list, dict, ordered;
    list.empty_list();
    add_items(list, Batches::Kind::kList, expected.count);
    EXPECT_EQ(crc(std::move(list)), expected.list) << expected.count;
    dict.empty_dict();
    add_items(dict, Batches::Kind::kDict, expected.count);
    EXPECT_EQ(crc(std::move(dict)), expected.dict) << expected.count;
    ordered.global("collections", "OrderedDict");
    ordered.close_tuple(0);
    ordered.op(Opcode::kReduce).put();
    add_items(ordered, Batches::Kind::kIterated, expected.count);
    EXPECT_EQ(crc(std::move(ordered)), expected.ordered) << expected.count;
  }
}

// [(), (0,), ..., (0, 1, 2, 3), 2.5, -0.0, True, False, None]
TEST(PickleWriter, TuplesAndAtoms) {
  PickleWriter pickle;
  pickle.empty_list();
  pickle.op(Opcode::kMark);
  const std::int64_t numbers[] = {0, 1, 2, 3};
  for (std::size_t count = 0; count <= 4; ++count) pickle.integers(std::span(numbers).first(count));
  pickle.real(2.5);
  pickle.real(-0.0);
  pickle.boolean(true);
  pickle.boolean(false);
  pickle.none();
  pickle.op(Opcode::kAppends);
  const std::string_view expected =
      raw("\x80\x02]q\0()K\0\x85q\1K\0K\1\x86q\2K\0K\1K\2\x87q\3(K\0K\1K\2K\3tq\4"
          "G@\x04\0\0\0\0\0\0G\x80\0\0\0\0\0\0\0\x88\x89Ne.");
  EXPECT_EQ(stopped(std::move(pickle)), expected);
}

// x = []; x.append((1, x)); the pair; and the same with a tuple of four.
TEST(PickleWriter, TuplesThatContainThemselvesAreDropped) {
  PickleWriter pickle;
  pickle.open_tuple(2);
  pickle.integer(1);
  pickle.get(7);
  pickle.drop_tuple(2);
  pickle.open_tuple(4);
  pickle.drop_tuple(4);
  EXPECT_EQ(stopped(std::move(pickle)),
            "\x80\x02K\1h\7"
            "00(1.");
}

TEST(PickleWriter, ManyObjectsTakeLongIndices) {
  PickleWriter pickle;
  std::vector<PickleWriter::Index> indices;
  for (int i = 0; i < 258; ++i) indices.push_back(pickle.empty_list());
  pickle.get(indices[255]);
  pickle.get(indices[256]);
  const std::string whole = stopped(std::move(pickle));
  const std::string_view expected = raw("]q\xfe]q\xff]r\0\1\0\0]r\1\1\0\0h\xffj\0\1\0\0.");
  EXPECT_EQ(whole.substr(whole.size() - expected.size()), expected);
}

// Lengths have four bytes. Nothing reads the text, which nobody may read.
TEST(PickleWriter, RefusesTextsOf4GiB) {
  constexpr std::size_t kBytes = std::size_t{1} << 32;
  void* nothing =
      ::mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  PickleWriter pickle;
  pickle.text({static_cast<const char*>(nothing), kBytes});
  pickle.text("a");
  EXPECT_ERROR(std::move(pickle).stop(), ErrorKind::kLimit, "a string of 4 GiB");
  ::munmap(nothing, kBytes);
}

}  // namespace
}  // namespace hardload
