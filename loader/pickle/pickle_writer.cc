#include "loader/pickle/pickle_writer.h"

#include <bit>
#include <limits>
#include <optional>
#include <utility>

#include "loader/base/text.h"
#include "loader/base/utf8.h"

namespace hardload {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

std::string to_utf8(std::span<const std::byte> latin1) {
  std::string text;
  text.reserve(latin1.size());
  for (const std::byte byte : latin1) append_utf8(text, std::to_integer<unsigned char>(byte));
  return text;
}

// The shortest form of a two's complement integer: without bytes that only repeat the sign.
std::span<const std::byte> shortest(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const bool sign =
        bytes.size() > 1 && (bytes[bytes.size() - 2] & std::byte{0x80}) != std::byte{};
    if (bytes.back() != (sign ? std::byte{0xFF} : std::byte{})) break;
    bytes = bytes.first(bytes.size() - 1);
  }
  return bytes;
}

}  // namespace

void PickleWriter::little_endian(std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) byte(static_cast<unsigned char>(value >> (8 * i)));
}

PickleWriter::Index PickleWriter::put() {
  const std::uint64_t index = memo_size_++;
  if (index > kMax32) is_too_large_ = true;
  if (index <= 0xFF) {
    op(Opcode::kBinPut).little_endian(index, 1);
  } else {
    op(Opcode::kLongBinPut).little_endian(index, 4);
  }
  return static_cast<Index>(index);
}

void PickleWriter::get(Index index) {
  if (index <= 0xFF) {
    op(Opcode::kBinGet).little_endian(index, 1);
  } else {
    op(Opcode::kLongBinGet).little_endian(index, 4);
  }
}

template <typename Make>
PickleWriter::Index PickleWriter::once(Made& made, std::string_view key, const Make& make) {
  const auto known = made.find(std::string(key));
  if (known != made.end()) return get(known->second), known->second;
  const Index index = make();
  made.emplace(key, index);
  return index;
}

void PickleWriter::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0 && value <= 0xFF) {
    op(Opcode::kBinInt1).little_endian(bits, 1);
  } else if (value >= 0 && value <= 0xFFFF) {
    op(Opcode::kBinInt2).little_endian(bits, 2);
  } else if (value >= std::numeric_limits<std::int32_t>::min() &&
             value <= std::numeric_limits<std::int32_t>::max()) {
    op(Opcode::kBinInt).little_endian(bits, 4);
  } else {
    std::byte bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(bits >> (8 * i));
    integer(bytes);
  }
}

void PickleWriter::integer(std::span<const std::byte> bytes) {
  bytes = shortest(bytes);
  // What four bytes hold has opcodes of its own.
  if (bytes.size() <= 4) {
    const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{};
    std::uint64_t bits = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bits &= ~(std::uint64_t{0xFF} << (8 * i));
      bits |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return integer(static_cast<std::int64_t>(bits));
  }
  if (bytes.size() <= 0xFF) {
    op(Opcode::kLong1).little_endian(bytes.size(), 1);
  } else {
    // The operand is signed.
    if (bytes.size() > std::numeric_limits<std::int32_t>::max()) is_too_large_ = true;
    op(Opcode::kLong4).little_endian(bytes.size(), 4);
  }
  out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void PickleWriter::real(double value) {
  op(Opcode::kBinFloat);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 7; i >= 0; --i) byte(static_cast<unsigned char>(bits >> (8 * i)));  // big-endian
}

PickleWriter::Index PickleWriter::complex(double real_part, double imaginary_part) {
  global("builtins", "complex");
  open_tuple(2);
  real(real_part);
  real(imaginary_part);
  close_tuple(2);
  return op(Opcode::kReduce).put();
}

PickleWriter::Index PickleWriter::text(std::string_view utf8) {
  if (utf8.empty()) return once(constants_, {}, [&] { return new_text({}); });
  return new_text(utf8);
}

PickleWriter::Index PickleWriter::new_text(std::string_view utf8) {
  if (utf8.size() > kMax32) {
    is_too_large_ = true;  // stop() refuses: there is no use in copying it
    utf8 = {};
  }
  op(Opcode::kBinUnicode).little_endian(utf8.size(), 4);
  out_ += utf8;
  return put();
}

void PickleWriter::constant(std::string_view utf8) {
  once(constants_, utf8, [&] { return new_text(utf8); });
}

PickleWriter::Index PickleWriter::bytes(std::span<const std::byte> bytes) {
  if (bytes.size() > 1) return new_bytes(bytes);
  const std::string_view key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return once(bytes_, key, [&] { return new_bytes(bytes); });
}

// Protocol 2 has no opcode for bytes: _codecs.encode(text, 'latin1').
PickleWriter::Index PickleWriter::new_bytes(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    global("builtins", "bytes");
    close_tuple(0);
  } else {
    global("_codecs", "encode");
    open_tuple(2);
    const std::string utf8 = to_utf8(bytes);
    if (bytes.size() == 1) {
      once(characters_, utf8, [&] { return new_text(utf8); });
    } else {
      new_text(utf8);
    }
    constant("latin1");
    close_tuple(2);
  }
  return op(Opcode::kReduce).put();
}

PickleWriter::Index PickleWriter::byte_array(std::span<const std::byte> content) {
  global("builtins", "bytearray");
  const std::size_t arguments = content.empty() ? 0 : 1;
  open_tuple(arguments);
  if (arguments != 0) new_bytes(content);
  close_tuple(arguments);
  return op(Opcode::kReduce).put();
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  if (module == "builtins") module = "__builtin__";  // protocol 2 is for Python 2, too
  const std::string key = concat(module, "\n", name);
  once(globals_, key, [&] {
    op(Opcode::kGlobal);
    append(out_, key, "\n");
    return put();
  });
}

void PickleWriter::open_tuple(std::size_t items) {
  if (items > 3) op(Opcode::kMark);
}

PickleWriter::Index PickleWriter::close_tuple(std::size_t items) {
  switch (items) {
    case 0: op(Opcode::kEmptyTuple); return 0;
    case 1: op(Opcode::kTuple1); break;
    case 2: op(Opcode::kTuple2); break;
    case 3: op(Opcode::kTuple3); break;
    default: op(Opcode::kTuple);
  }
  return put();
}

void PickleWriter::drop_tuple(std::size_t items) {
  if (items > 3) {
    op(Opcode::kPopMark);
  } else {
    for (std::size_t i = 0; i < items; ++i) op(Opcode::kPop);
  }
}

void PickleWriter::integers(std::span<const std::int64_t> values) {
  open_tuple(values.size());
  for (const std::int64_t value : values) integer(value);
  close_tuple(values.size());
}

Result<std::string> PickleWriter::stop() && {
  op(Opcode::kStop);
  if (!is_too_large_) return std::move(out_);
  return Error(ErrorKind::kLimit, Stage::kPickle,
               "a string of 4 GiB, or 2^32 objects, are more than a pickle of protocol 2 can hold");
}

// An item that is added without a MARK.
bool Batches::is_lone(std::size_t i) const {
  if (kind_ != Kind::kIterated) return count_ == 1;
  return i % kBatch == 0 && i + 1 == count_;
}

void Batches::before(PickleWriter& pickle, std::size_t i) const {
  if (i % kBatch == 0 && !is_lone(i)) pickle.op(Opcode::kMark);
}

void Batches::after(PickleWriter& pickle, std::size_t i) const {
  const bool list = kind_ == Kind::kList;
  const Opcode close = list ? Opcode::kAppends : Opcode::kSetItems;
  if (is_lone(i)) {
    pickle.op(list ? Opcode::kAppend : Opcode::kSetItem);
  } else if ((i + 1) % kBatch == 0 || i + 1 == count_) {
    pickle.op(close);
  }
  // Python notices that a dict is at its end only when it has begun another batch.
  if (kind_ == Kind::kDict && i + 1 == count_ && count_ % kBatch == 0) {
    pickle.op(Opcode::kMark).op(close);
  }
}

}  // namespace hardload
