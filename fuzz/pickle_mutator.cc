#include "fuzz/pickle_mutator.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/pickle/opcode.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace hardload::fuzz {
namespace {

struct Instruction {
  std::string bytes;       // opcode and operands
  std::size_t before = 0;  // height of the stack, marks counted
  std::size_t lowest = 0;  // the lowest entry that it touches
  std::size_t after = 0;

  Opcode opcode() const { return static_cast<Opcode>(bytes[0]); }
};

// Bytes of operands behind the opcode; nullopt where the instruction is unknown or cut.
std::optional<std::size_t> operand_bytes(std::string_view code) {
  const auto counted = [&](std::size_t width) -> std::optional<std::size_t> {
    std::size_t length = 0;
    if (code.size() < 1 + width) return std::nullopt;
    for (std::size_t i = width; i > 0; --i) {
      length = (length << 8) | static_cast<unsigned char>(code[i]);
    }
    return width + length;
  };
  switch (static_cast<Opcode>(code[0])) {
    case Opcode::kProto:
    case Opcode::kBinInt1:
    case Opcode::kBinGet:
    case Opcode::kBinPut: return 1;
    case Opcode::kBinInt2: return 2;
    case Opcode::kBinInt:
    case Opcode::kLongBinGet:
    case Opcode::kLongBinPut: return 4;
    case Opcode::kBinFloat:
    case Opcode::kFrame: return 8;
    case Opcode::kShortBinString:
    case Opcode::kShortBinUnicode:
    case Opcode::kLong1: return counted(1);
    case Opcode::kBinString:
    case Opcode::kBinUnicode:
    case Opcode::kLong4: return counted(4);
    case Opcode::kGlobal: {
      const auto first = code.find('\n');
      const auto second = first == code.npos ? code.npos : code.find('\n', first + 1);
      return second == code.npos ? std::nullopt : std::optional(second);
    }
    default: return 0;
  }
}

// How many entries an instruction takes off the stack, not counting back to a mark.
std::size_t popped(Opcode opcode) {
  switch (opcode) {
    case Opcode::kPop:
    case Opcode::kBinPersId:
    case Opcode::kTuple1: return 1;
    case Opcode::kReduce:
    case Opcode::kNewObj:
    case Opcode::kBuild:
    case Opcode::kAppend:
    case Opcode::kStackGlobal:
    case Opcode::kTuple2: return 2;
    case Opcode::kSetItem:
    case Opcode::kTuple3: return 3;
    default: return 0;
  }
}

// Follows the stack's height over the instructions that are added.
class Program {
 public:
  // Adds the instruction that `code` begins with; false where there is none that can follow.
  bool add(std::string_view code) {
    const auto operands = operand_bytes(code);
    if (!operands || *operands >= code.size()) return false;
    Instruction next{std::string(code.substr(0, 1 + *operands)), height_, height_, height_};
    if (!follow(next)) return false;
    next.after = height_;
    instructions_.push_back(std::move(next));
    return true;
  }

  // Leaves exactly one value on the stack.
  void finish() {
    while (!marks_.empty()) add("t");
    if (height_ == 0) add("N");
    while (height_ > 1) add("0");
  }

  std::vector<Instruction> take() && { return std::move(instructions_); }

 private:
  bool follow(Instruction& next) {
    const Opcode opcode = next.opcode();
    switch (opcode) {
      case Opcode::kStop:
      case Opcode::kFrame: return false;
      case Opcode::kProto: return instructions_.empty();
      case Opcode::kMark: marks_.push_back(height_++); return true;
      case Opcode::kTuple:
      case Opcode::kPopMark:
      case Opcode::kAppends:
      case Opcode::kSetItems: {
        const bool into_container = opcode == Opcode::kAppends || opcode == Opcode::kSetItems;
        if (marks_.empty() || (into_container && marks_.back() == 0)) return false;
        height_ = marks_.back();
        marks_.pop_back();
        next.lowest = into_container ? height_ - 1 : height_;
        if (opcode == Opcode::kTuple) ++height_;
        return true;
      }
      case Opcode::kBinPut:
      case Opcode::kLongBinPut:
        if (height_ == floor()) return false;
        next.lowest = height_ - 1;
        return true;
      default: {
        const std::size_t count = popped(opcode);
        if (height_ - floor() < count) return false;
        height_ -= count;
        next.lowest = height_;
        if (opcode != Opcode::kPop) ++height_;
        return true;
      }
    }
  }

  // No instruction reaches below the last mark.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back() + 1; }

  std::vector<Instruction> instructions_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::size_t height_ = 0;
};

// The instructions of a pickle. What does not fit is left out, and what is left on the stack at the
// end taken off: most of what a fuzzer keeps is broken somewhere, and still worth mutating.
std::vector<Instruction> parse(std::string_view code) {
  Program program;
  while (!code.empty() && code[0] != static_cast<char>(Opcode::kStop)) {
    (void)program.add(code);
    const auto operands = operand_bytes(code);
    code.remove_prefix(std::min(code.size(), operands ? 1 + *operands : 1));
  }
  program.finish();
  return std::move(program).take();
}

// The instruction that `code` begins with; all of it where that is unknown or cut.
std::string_view first_instruction(std::string_view code) {
  const auto operands = operand_bytes(code);
  return code.substr(0, operands ? 1 + *operands : code.size());
}

std::string with_index(Opcode opcode, std::uint32_t index) {
  std::string bytes(1, static_cast<char>(opcode));
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(index >> (8 * i));
  return bytes;
}

// Its operand; that of others than PUT and GET is any.
std::uint32_t index_of(std::string_view instruction) {
  std::uint32_t index = 0;
  for (std::size_t i = instruction.size(); i-- > 1;) {
    index = (index << 8) | static_cast<unsigned char>(instruction[i]);
  }
  return index;
}

// A pickle of protocol 4 that says which entry of the memo it means: PUT for MEMOIZE.
std::string with_puts(std::string_view code) {
  std::string out;
  std::uint32_t next = 0;
  while (!code.empty()) {
    const std::string_view instruction = first_instruction(code);
    code.remove_prefix(instruction.size());
    const bool is_memoize = instruction[0] == static_cast<char>(Opcode::kMemoize);
    out += is_memoize ? with_index(Opcode::kLongBinPut, next++) : std::string(instruction);
  }
  return out;
}

// The reverse: entries are numbered as they come, whatever runs were moved.
std::string with_memoize(std::string_view code) {
  std::string out;
  std::map<std::uint32_t, std::uint32_t> entries;
  std::uint32_t next = 0;
  while (!code.empty()) {
    const std::string_view instruction = first_instruction(code);
    code.remove_prefix(instruction.size());
    switch (static_cast<Opcode>(instruction[0])) {
      case Opcode::kBinPut:
      case Opcode::kLongBinPut:
        entries[index_of(instruction)] = next++;
        out += static_cast<char>(Opcode::kMemoize);
        break;
      case Opcode::kBinGet:
      case Opcode::kLongBinGet:
        out += with_index(Opcode::kLongBinGet, entries[index_of(instruction)]);
        break;
      default: out += instruction;
    }
  }
  return out;
}

// A run of instructions that makes one value and touches nothing below it.
struct Run {
  std::size_t begin, end;
};

class Mutation {
 public:
  Mutation(std::vector<Instruction> program, std::mt19937& random)
      : program_(std::move(program)), random_(random) {}

  std::string apply() {
    switch (pick(8)) {
      case 0:
      case 1: change_operand(); break;
      case 2: replace(some_run(), literal()); break;
      case 3: add_to_mark(); break;
      case 4: remove_before_mark(); break;
      default: {
        const Run to = some_run();
        replace(to, text_of(some_run()));
        break;
      }
    }
    std::string out;
    for (const Instruction& instruction : program_) out += instruction.bytes;
    return out + static_cast<char>(Opcode::kStop);
  }

 private:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }

  // A run that begins at a random place, of random length.
  Run some_run() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::size_t begin = pick(program_.size());
      const std::size_t floor = program_[begin].before;
      std::vector<std::size_t> ends;
      for (std::size_t i = begin; i < program_.size() && program_[i].lowest >= floor; ++i) {
        if (program_[i].opcode() == Opcode::kProto) break;
        if (program_[i].after == floor + 1) ends.push_back(i + 1);
      }
      if (!ends.empty()) return {begin, ends[pick(ends.size())]};
    }
    return {program_.size(), program_.size()};
  }

  std::string text_of(Run run) const {
    std::string text;
    for (std::size_t i = run.begin; i < run.end; ++i) text += program_[i].bytes;
    return text;
  }

  void replace(Run run, std::string text) {
    if (run.begin == run.end) return;
    program_[run.begin].bytes = std::move(text);
    for (std::size_t i = run.begin + 1; i < run.end; ++i) program_[i].bytes.clear();
  }

  std::string literal() {
    using std::string_view_literals::operator""sv;
    static constexpr std::string_view kLiterals[] = {"N"sv,
                                                     "\x88"sv,
                                                     "\x89"sv,
                                                     ")"sv,
                                                     "]"sv,
                                                     "}"sv,
                                                     "K\0"sv,
                                                     "K\1"sv,
                                                     "J\xff\xff\xff\xff"sv,
                                                     "J\xff\xff\xff\x7f"sv,
                                                     "\x8a\0"sv,
                                                     "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"sv,
                                                     "\x8a\x08\0\0\0\0\0\0\0\x80"sv,
                                                     "\x8a\x09\0\0\0\0\0\0\0\x80\0"sv,
                                                     "X\0\0\0\0"sv,
                                                     "X\1\0\0\0"
                                                     "0"sv,
                                                     "G\x7f\xf8\0\0\0\0\0\0"sv,
                                                     "ctorch\nfloat8_e5m2\n"sv,
                                                     "ctorch\nLongStorage\n"sv};
    return std::string(kLiterals[pick(std::size(kLiterals))]);
  }

  // Strings keep their length field right; other operands keep their width.
  void change_operand() {
    Instruction& instruction = program_[pick(program_.size())];
    std::string& bytes = instruction.bytes;
    if (bytes.size() < 2 || instruction.opcode() == Opcode::kProto) return;
    if (instruction.opcode() == Opcode::kBinUnicode) {
      const std::size_t size = bytes.size() - 5;
      bytes.resize(bytes.size() + 8);
      const std::size_t changed =
          LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()) + 5, size, size + 8);
      bytes.resize(5 + changed);
      for (std::size_t i = 0; i < 4; ++i) bytes[1 + i] = static_cast<char>(changed >> (8 * i));
      return;
    }
    LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()) + 1, bytes.size() - 1,
                     bytes.size() - 1);
  }

  // An instruction that takes everything up to a mark takes one value more or fewer as well.
  std::optional<std::size_t> some_taker() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::size_t i = pick(program_.size());
      const Opcode opcode = program_[i].opcode();
      if (opcode == Opcode::kTuple || opcode == Opcode::kAppends || opcode == Opcode::kSetItems) {
        return i;
      }
    }
    return std::nullopt;
  }

  void add_to_mark() {
    const auto taker = some_taker();
    if (!taker) return;
    std::string added = pick(2) == 0 ? literal() : text_of(some_run());
    if (program_[*taker].opcode() == Opcode::kSetItems) added = text_of(some_run()) + added;
    program_[*taker].bytes.insert(0, added);
  }

  void remove_before_mark() {
    const auto taker = some_taker();
    if (!taker || *taker == 0) return;
    // The run that ends right before the taker.
    const std::size_t top = program_[*taker].before;
    for (std::size_t begin = *taker; begin-- > 0 && program_[begin].lowest + 1 >= top;) {
      if (program_[begin].before + 1 != top) continue;
      replace({begin, *taker}, "");
      return;
    }
  }

  std::vector<Instruction> program_;
  std::mt19937& random_;
};

std::string mutate_bytes(std::string bytes, std::size_t max_size) {
  const std::size_t size = bytes.size();
  bytes.resize(std::max(max_size, size));
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, max_size));
  return bytes;
}

}  // namespace

std::string mutate_pickle(const std::string& pickle, std::size_t max_size, std::mt19937& random) {
  if (random() % 8 == 0) return mutate_bytes(pickle, max_size);
  std::string out = pickle;
  for (auto count = 1 + random() % 3; count > 0; --count) {
    out = Mutation(parse(out), random).apply();
  }
  return out.size() <= max_size ? out : mutate_bytes(pickle, max_size);
}

std::string mutate_pickle_4(const std::string& pickle, std::size_t max_size, std::mt19937& random) {
  // PUT takes five bytes where MEMOIZE takes one.
  std::string changed = with_memoize(mutate_pickle(with_puts(pickle), 5 * max_size, random));
  return changed.size() <= max_size ? changed : mutate_bytes(pickle, max_size);
}

}  // namespace hardload::fuzz
