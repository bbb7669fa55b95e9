#include "loader/pickle/pickle_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/bytes/buffer.h"
#include "loader/pickle/opcode.h"

namespace hardload {
namespace {

// How many bytes of operand follow an opcode, or how that is found.
enum Operand : std::uint8_t {
  kFixed8 = 8,  // the most of those that are fixed
  kLength1,     // a length of one byte, and so many bytes
  kLength4,
  kTwoLines,
  kEnd,  // STOP, and all that is no instruction of torch's pickles
};

constexpr std::array<std::uint8_t, 256> make_operands() {
  std::array<std::uint8_t, 256> operands{};
  for (auto& operand : operands) operand = kEnd;
  const auto set = [&](Opcode opcode, std::uint8_t operand) {
    operands[static_cast<std::uint8_t>(opcode)] = operand;
  };
  for (const Opcode opcode :
       {Opcode::kMark,      Opcode::kPop,        Opcode::kPopMark,   Opcode::kNone,
        Opcode::kBinPersId, Opcode::kReduce,     Opcode::kAppend,    Opcode::kBuild,
        Opcode::kAppends,   Opcode::kSetItem,    Opcode::kTuple,     Opcode::kSetItems,
        Opcode::kEmptyList, Opcode::kEmptyTuple, Opcode::kEmptyDict, Opcode::kNewObj,
        Opcode::kTuple1,    Opcode::kTuple2,     Opcode::kTuple3,    Opcode::kNewTrue,
        Opcode::kNewFalse,  Opcode::kEmptySet}) {
    set(opcode, 0);
  }
  for (const Opcode opcode : {Opcode::kProto, Opcode::kBinInt1, Opcode::kBinGet, Opcode::kBinPut}) {
    set(opcode, 1);
  }
  set(Opcode::kBinInt2, 2);
  for (const Opcode opcode : {Opcode::kBinInt, Opcode::kLongBinGet, Opcode::kLongBinPut}) {
    set(opcode, 4);
  }
  set(Opcode::kBinFloat, 8);
  for (const Opcode opcode : {Opcode::kShortBinString, Opcode::kLong1}) set(opcode, kLength1);
  for (const Opcode opcode : {Opcode::kBinString, Opcode::kBinUnicode, Opcode::kLong4}) {
    set(opcode, kLength4);
  }
  set(Opcode::kGlobal, kTwoLines);
  return operands;
}

constexpr std::array<std::uint8_t, 256> kOperands = make_operands();

// Bytes of the two lines that `text` begins with; more than `text` has where they do not end in it.
std::size_t two_lines(std::string_view text) {
  const std::size_t first = text.find('\n');
  const std::size_t second = first == text.npos ? first : text.find('\n', first + 1);
  return second == text.npos ? text.size() + 1 : second + 1;
}

}  // namespace

Result<std::uint64_t> PickleStream::find_end() {
  // Every instruction but strings fits into a chunk, and of strings, what says their length.
  const std::uint64_t chunk_bytes =
      std::max<std::uint64_t>(std::uint64_t{16} << 10, limits_.max_global_bytes + 1);
  for (std::uint64_t at = position_; at < end_;) {
    if (at - position_ > limits_.max_pickle_bytes) break;
    const auto whole = static_cast<std::size_t>(std::min(chunk_bytes, end_ - at));
    HARDLOAD_ASSIGN(const auto chunk, window_.at(at, whole));
    std::uint64_t i = 0;  // of the next instruction in the chunk; behind it after a long string
    while (i < chunk.size()) {
      const std::uint8_t operand = kOperands[std::to_integer<std::uint8_t>(chunk[i])];
      if (operand == kEnd) return at + i + 1;
      if (operand <= kFixed8) {
        i += std::uint64_t{1} + operand;
        continue;
      }
      Cursor cursor(chunk.subspan(static_cast<std::size_t>(i + 1)));
      if (operand == kTwoLines) {
        const std::size_t lines = two_lines(Cursor::as_text(*cursor.take(cursor.remaining())));
        if (lines > cursor.position()) break;
        i += 1 + lines;
      } else if (operand == kLength1) {
        const auto length = cursor.read<std::uint8_t>();
        if (!length) break;
        i += std::uint64_t{2} + *length;
      } else {
        const auto length = cursor.read<std::uint32_t>();
        if (!length) break;
        i += std::uint64_t{5} + *length;
      }
    }
    // An instruction that goes beyond the chunk begins the next one; that at its beginning which
    // does so is cut, or too long: the machine will say so.
    if (i == 0) return at + chunk.size();
    at += i;
  }
  return std::min(end_, position_ + std::min(limits_.max_pickle_bytes, end_) + 1);
}

Result<ValueGraph> PickleStream::next(std::string_view name, Unlisted unlisted,
                                      const NumberedKinds* numbered) {
  HARDLOAD_ASSIGN(const std::uint64_t end, find_end());
  const std::uint64_t bytes = end - position_;
  // What lies in a hole of the file takes memory that it does not justify.
  const std::uint64_t most =
      std::min(limits_.max_pickle_bytes, limits_.expanded(source_.allocated_bytes()));
  if (bytes > most) {
    return Error(ErrorKind::kLimit, Stage::kPickle,
                 concat("the pickle has over ", most, " bytes, which max_pickle_bytes allows"))
        .in_record(name);
  }
  constexpr std::uint64_t kSmall = 4096;
  Buffer pickle;
  if (bytes <= kSmall) {
    HARDLOAD_ASSIGN(pickle, Buffer::allocate(bytes));
    HARDLOAD_ASSIGN(const auto content, window_.at(position_, static_cast<std::size_t>(bytes)));
    std::copy(content.begin(), content.end(), pickle.bytes().begin());
  } else {
    HARDLOAD_ASSIGN(pickle, Buffer::read(source_, position_, bytes));
  }
  HARDLOAD_ASSIGN(ValueGraph graph,
                  run_pickle(std::move(pickle), name, limits_, unlisted, Dialect::kPython, numbered));
  position_ = end;
  return graph;
}

Result<std::span<const std::byte>> PickleStream::take(std::size_t count) {
  if (count > remaining()) {
    return Error(ErrorKind::kBounds, Stage::kPickle,
                 concat("the data ends ", count - remaining(), " bytes too early"))
        .at(position_)
        .advise("The file is cut short: fetch it again.");
  }
  HARDLOAD_ASSIGN(const auto bytes, window_.at(position_, count));
  position_ += count;
  return bytes;
}

}  // namespace hardload
