#include "loader/pickle/machine.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/bytes/huge_pages.h"
#include "loader/pickle/construct.h"
#include "loader/pickle/inert.h"
#include "loader/pickle/opcode.h"
#include "loader/pickle/script.h"
#include "loader/pickle/stack.h"
#include "loader/pickle/unlisted.h"

namespace hardload {
namespace {

constexpr std::uint8_t kProtocol = 2;

Error fail(ErrorKind kind, std::string problem) {
  return Error(kind, Stage::kPickle, std::move(problem));
}

std::optional<std::int64_t> parse_int(std::string_view digits) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, fault] = std::from_chars(digits.data(), end, value);
  return fault == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

Error cut_short() { return fail(ErrorKind::kPickle, "the pickle ends inside an instruction"); }

class Machine {
 public:
  Machine(Buffer pickle, const Limits& limits, Unlisted unlisted, Dialect dialect,
          const NumberedKinds* numbered)
      : limits_(limits),
        keeps_unlisted_(unlisted == Unlisted::kKeepAsData),
        numbered_(numbered),
        stack_(limits),
        memo_(limits, pickle.size() / 12) {
    graph_.text = std::move(pickle);
    graph_.dialect = dialect;
    // What a state dict of many tensors needs: less copying while it grows. Pages that are not used
    // cost nothing.
    const std::size_t bytes = graph_.text.size();
    reserve_huge(graph_.items, bytes / 8);
    reserve_huge(graph_.calls, bytes / 48);
    reserve_huge(graph_.containers, bytes / 96);
    cursor_ = Cursor(graph_.text.bytes());
  }

  // Runs to STOP. After an error, offset() is that of the instruction at fault.
  Result<void> run();
  std::size_t offset() const { return offset_; }
  const UnlistedNames& unlisted() const { return unlisted_; }
  ValueGraph take_graph() && { return std::move(graph_); }

 private:
  // Once an instruction: a call of its own would cost a tenth of the whole.
  [[gnu::always_inline]] inline Result<void> step(Opcode opcode);
  Result<void> start();
  Result<void> finish();

  Result<void> push_string(std::uint64_t length);
  Result<void> push_integer(std::uint64_t length);
  Result<void> push_float();
  Result<void> push_int(std::int64_t value);
  Result<void> push_container(ValueKind kind);
  Result<void> push_tuple(std::size_t count);

  Result<void> global();
  Result<void> stack_global();
  Result<void> push_global(std::string_view module, std::string_view name, Slot text);
  Result<void> call(bool reduce);
  Result<void> build();
  Result<void> persistent_id();
  Result<void> numbered_id(Slot id);
  Result<void> append(std::size_t count);
  Result<void> set_items(std::size_t count);
  Result<void> put(std::uint64_t index);
  Result<void> get(std::uint64_t index);
  Result<void> memoize();
  Result<void> frame();
  Result<void> step_of_protocol_4(Opcode opcode);

  // A name that is not in the table, and whatever is made from it, goes through the machine as this
  // one value, so that one error can list all such names. No graph that holds it is given out.
  // (Where such names are kept as data, inert objects take its place.)
  static constexpr Slot kUnlisted{ValueKind::kClass, 0, ~std::uint64_t{0}};
  static bool is_unlisted(Slot slot) {
    return slot.kind == kUnlisted.kind && slot.payload == kUnlisted.payload;
  }

  const Limits& limits_;
  const bool keeps_unlisted_;
  const NumberedKinds* const numbered_;
  ValueGraph graph_;
  Cursor cursor_{{}};
  std::size_t offset_ = 0;
  Stack stack_;
  Memo memo_;
  std::uint64_t memoized_ = 0;  // entries of memo_ that MEMOIZE made
  UnlistedNames unlisted_;
};

Result<void> Machine::run() {
  HARDLOAD_TRY(start());
  while (true) {
    offset_ = cursor_.position();
    const auto opcode = cursor_.read<std::uint8_t>();
    if (!opcode) return fail(ErrorKind::kPickle, "the pickle ends without STOP");
    if (*opcode == static_cast<std::uint8_t>(Opcode::kStop)) return finish();
    HARDLOAD_TRY(step(static_cast<Opcode>(*opcode)));
  }
}

Result<void> Machine::start() {
  const auto opcode = cursor_.read<std::uint8_t>();
  const auto protocol = cursor_.read<std::uint8_t>();
  if (opcode != static_cast<std::uint8_t>(Opcode::kProto) || !protocol) {
    return fail(ErrorKind::kPickle, "the pickle does not begin with its protocol");
  }
  if (graph_.dialect == Dialect::kDistributed) {
    if (*protocol == 4 || *protocol == 5) return {};
    return fail(ErrorKind::kUnsupported,
                concat("the pickle has protocol ", *protocol,
                       ", torch.distributed.checkpoint writes protocol 4 or 5"));
  }
  if (*protocol != kProtocol) {
    return fail(ErrorKind::kUnsupported,
                concat("the pickle has protocol ", *protocol, ", torch.save writes protocol 2"))
        .advise("Save the file without the argument pickle_protocol.");
  }
  return {};
}

Result<void> Machine::finish() {
  HARDLOAD_ASSIGN(graph_.root, stack_.pop());
  if (!unlisted_.empty()) return unlisted_.error(is_unlisted(graph_.root));
  if (!stack_.is_empty()) {
    return fail(ErrorKind::kPickle, "values or marks are left on the stack at STOP");
  }
  if (cursor_.remaining() != 0) {
    offset_ = cursor_.position();
    return fail(ErrorKind::kPickle, concat(cursor_.remaining(), " bytes follow the pickle's STOP"));
  }
  return {};
}

Result<void> Machine::push_string(std::uint64_t length) {
  const std::size_t start = cursor_.position();
  const auto text = cursor_.take_text(length);
  if (!text) {
    return fail(ErrorKind::kPickle, concat("a string of ", length, " bytes runs past the pickle"));
  }
  if (!is_utf8(*text, /*allow_surrogates=*/true)) {
    return fail(ErrorKind::kPickle, "a string is not UTF-8");
  }
  return stack_.push({ValueKind::kString, static_cast<std::uint32_t>(length), start});
}

// Two's complement, little-endian, of any width; of width 0 it is 0. A number has one Slot whatever
// width it was given, so that equal keys are found to be equal.
Result<void> Machine::push_integer(std::uint64_t length) {
  const std::size_t start = cursor_.position();
  const auto bytes = cursor_.take(length);
  if (!bytes) {
    return fail(ErrorKind::kPickle,
                concat("an integer of ", length, " bytes runs past the pickle"));
  }
  const auto is_negative = [](std::byte last) { return (last & std::byte{0x80}) != std::byte{0}; };
  const bool negative = !bytes->empty() && is_negative(bytes->back());
  const std::byte sign = negative ? std::byte{0xFF} : std::byte{0};
  std::size_t width = bytes->size();
  while (width > 1 && (*bytes)[width - 1] == sign && is_negative((*bytes)[width - 2]) == negative) {
    --width;
  }
  if (width > sizeof(std::int64_t)) {
    return stack_.push({ValueKind::kBigInt, static_cast<std::uint32_t>(width), start});
  }
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = width; i-- > 0;) {
    value = (value << 8) | std::to_integer<std::uint64_t>((*bytes)[i]);
  }
  return push_int(static_cast<std::int64_t>(value));
}

// Eight bytes, the one big-endian number of the format.
Result<void> Machine::push_float() {
  const auto bits = cursor_.read<std::uint64_t>();
  if (!bits) return cut_short();
  return stack_.push({ValueKind::kFloat, 0, __builtin_bswap64(*bits)});
}

Result<void> Machine::push_int(std::int64_t value) {
  return stack_.push({ValueKind::kInt, 0, static_cast<std::uint64_t>(value)});
}

Result<void> Machine::push_container(ValueKind kind) {
  graph_.containers.emplace_back();
  return stack_.push({kind, 0, graph_.containers.size() - 1});
}

// Moves the last `count` values into a tuple.
Result<void> Machine::push_tuple(std::size_t count) {
  HARDLOAD_ASSIGN(const auto values, stack_.last(count));
  const Slot tuple{ValueKind::kTuple, static_cast<std::uint32_t>(count), graph_.items.size()};
  for (const Slot& value : values) graph_.items.push_back(value);
  stack_.drop(count);
  return stack_.push(tuple);
}

Result<void> Machine::global() {
  if (graph_.dialect == Dialect::kDistributed) {
    return fail(ErrorKind::kPickle, "GLOBAL is no instruction of protocol 4");
  }
  const std::size_t start = cursor_.position();
  const std::string_view rest = graph_.text.text().substr(start, limits_.max_global_bytes);
  const std::size_t module_end = rest.find('\n');
  const std::size_t name_end =
      module_end == rest.npos ? rest.npos : rest.find('\n', module_end + 1);
  if (name_end == rest.npos && rest.size() == limits_.max_global_bytes) {
    return fail(ErrorKind::kLimit, concat("a global's name is longer than max_global_bytes, ",
                                          limits_.max_global_bytes));
  }
  if (name_end == rest.npos || !is_utf8(rest.substr(0, name_end), false)) {
    return fail(ErrorKind::kPickle, "a global's name has no end or is not UTF-8");
  }
  (void)cursor_.take(name_end + 1);
  const std::string_view module = rest.substr(0, module_end);
  const std::string_view name = rest.substr(module_end + 1, name_end - module_end - 1);
  return push_global(module, name,
                     {ValueKind::kString, static_cast<std::uint32_t>(name_end), start});
}

// The same with names that are values; a class is then known by its own name alone, which is all
// that the readers of Dialect::kDistributed need: its table tells the modules apart.
Result<void> Machine::stack_global() {
  HARDLOAD_ASSIGN(const Slot name, stack_.pop());
  HARDLOAD_ASSIGN(const Slot module, stack_.pop());
  if (name.kind != ValueKind::kString || module.kind != ValueKind::kString) {
    return fail(ErrorKind::kPickle, "a global's module and name are no texts");
  }
  if (std::uint64_t{module.length} + name.length > limits_.max_global_bytes) {
    return fail(ErrorKind::kLimit, concat("a global's name is longer than max_global_bytes, ",
                                          limits_.max_global_bytes));
  }
  return push_global(graph_.text_of(module), graph_.text_of(name), name);
}

// `text`: of the class, as the graph keeps it; ends in its name.
Result<void> Machine::push_global(std::string_view module, std::string_view name, Slot text) {
  auto found = find_global(module, name, graph_.dialect);
  if (!found && keeps_unlisted_) found = Global{GlobalKind::kUnlisted};
  if (!found) {
    unlisted_.add(module, name);
    return stack_.push(kUnlisted);
  }
  if (found->kind == GlobalKind::kDtype || found->kind == GlobalKind::kQScheme) {
    const auto kind = found->kind == GlobalKind::kDtype ? ValueKind::kDtype : ValueKind::kQScheme;
    return stack_.push(
        {kind, static_cast<std::uint32_t>(name.size()), text.payload + text.length - name.size()});
  }
  graph_.classes.push_back({*found, text});
  return stack_.push({ValueKind::kClass, 0, graph_.classes.size() - 1});
}

// REDUCE and NEWOBJ: a callable applied to a tuple of arguments.
Result<void> Machine::call(bool reduce) {
  HARDLOAD_ASSIGN(const Slot arguments, stack_.pop());
  HARDLOAD_ASSIGN(Slot* const target, stack_.top());
  if (is_unlisted(*target)) return {};
  if (is_script_class(graph_, *target)) {
    HARDLOAD_ASSIGN(*target, reduce ? new_script_enum(graph_, *target, arguments)
                                    : new_script_object(graph_, *target, arguments));
    return {};
  }
  if (arguments.kind != ValueKind::kTuple) {
    return fail(ErrorKind::kPickle, "a call's arguments are not a tuple");
  }
  const auto is_kept = [this](Slot slot) { return is_inert(graph_, slot); };
  if (is_kept(*target)) {
    *target = new_inert(graph_, *target, arguments);
    return {};
  }
  if (target->kind != ValueKind::kClass ||
      graph_.classes[target->payload].global.kind != GlobalKind::kConstructor) {
    return fail(ErrorKind::kPickle, "something is called that cannot be called");
  }
  // Nothing is built with an object that was not: a tensor of an unlisted subclass, say.
  const auto items = graph_.items_of(arguments);
  if (keeps_unlisted_ && std::any_of(items.begin(), items.end(), is_kept)) {
    *target = new_inert(graph_, *target, arguments);
    return {};
  }
  const Constructor constructor = graph_.classes[target->payload].global.constructor;
  HARDLOAD_ASSIGN(*target, reduce ? construct(graph_, constructor, arguments)
                                  : construct_new(graph_, constructor, arguments));
  return {};
}

Result<void> Machine::build() {
  HARDLOAD_ASSIGN(const Slot state, stack_.pop());
  HARDLOAD_ASSIGN(const Slot* const target, stack_.top());
  if (is_unlisted(*target)) return {};
  if (target->kind == ValueKind::kInert) return set_inert_state(graph_, *target, state);
  if (target->kind == ValueKind::kScript) return set_script_state(graph_, *target, state);
  bool is_first = false;
  if (target->kind == ValueKind::kOrderedDict && state.kind == ValueKind::kDict) {
    is_first = graph_.attributes.emplace(target->payload, state).second;
  } else if (target->kind == ValueKind::kTensor) {
    is_first = graph_.states.emplace(target->payload, state).second;
    graph_.calls[target->payload].has_state = true;
  } else {
    return fail(ErrorKind::kPickle, "BUILD is applied to something that takes no such state");
  }
  if (is_first) return {};
  return fail(ErrorKind::kPickle, "BUILD is applied to one object twice");
}

// A reference to a storage; what the id says is checked by the manifest. Before torch 1.6 it may
// also be a class that was written with its source text: ('module', class, file, source), in torch
// 0.1 without the first. That is the class, and the text is nothing.
Result<void> Machine::persistent_id() {
  if (graph_.dialect == Dialect::kDistributed) {
    return fail(ErrorKind::kPersId, "there are no persistent ids in this pickle");
  }
  HARDLOAD_ASSIGN(const Slot id, stack_.pop());
  auto parts = id.kind == ValueKind::kTuple ? graph_.items_of(id) : std::span<const Slot>();
  if (parts.size() == 4 && parts[0].kind == ValueKind::kString &&
      graph_.text_of(parts[0]) == "module") {
    parts = parts.subspan(1);
  }
  if (parts.size() == 3 && (is_unlisted(parts[0]) || is_inert(graph_, parts[0]))) {
    return stack_.push(parts[0]);
  }
  if (numbered_ != nullptr) return numbered_id(id);
  if (id.kind != ValueKind::kTuple) {
    return fail(ErrorKind::kPersId,
                concat("a persistent id is a ", python_type_name(id.kind), ", not a tuple"));
  }
  graph_.calls.push_back({.arguments = id});
  return stack_.push({ValueKind::kStorage, 0, graph_.calls.size() - 1});
}

// Python 2 wrote the number as text.
Result<void> Machine::numbered_id(Slot id) {
  std::optional<std::int64_t> number;
  if (id.kind == ValueKind::kInt) number = static_cast<std::int64_t>(id.payload);
  if (id.kind == ValueKind::kString) number = parse_int(graph_.text_of(id));
  const auto kind = number ? (*numbered_)(*number) : std::nullopt;
  if (!kind) {
    return fail(ErrorKind::kPersId, "a persistent id is not the number of a tensor or storage");
  }
  graph_.calls.push_back(
      {.constructor = *kind == ValueKind::kTensor ? Constructor::kSavedTensor : Constructor{},
       .arguments = {ValueKind::kInt, 0, static_cast<std::uint64_t>(*number)}});
  return stack_.push({*kind, 0, graph_.calls.size() - 1});
}

// Moves the last `count` values into the list below them.
Result<void> Machine::append(std::size_t count) {
  HARDLOAD_ASSIGN(const auto values, stack_.last(count + 1));
  const Slot list = values[0];
  if (list.kind == ValueKind::kList) {
    auto& items = graph_.containers[list.payload].items;
    items.insert(items.end(), values.begin() + 1, values.end());
  } else if (list.kind == ValueKind::kInert) {
    append_to_inert(graph_, list, values.subspan(1));
  } else if (!is_unlisted(list)) {
    return fail(ErrorKind::kPickle,
                concat("items are appended to a ", python_type_name(list.kind)));
  }
  stack_.drop(count);
  return {};
}

// Moves the last `count` values, key, value, key, value..., into the dict below them.
Result<void> Machine::set_items(std::size_t count) {
  HARDLOAD_ASSIGN(const auto values, stack_.last(count + 1));
  const Slot dict = values[0];
  if (dict.kind == ValueKind::kDict || dict.kind == ValueKind::kOrderedDict ||
      dict.kind == ValueKind::kCounter) {
    if (count % 2 != 0) return fail(ErrorKind::kPickle, "a key is set without a value");
    auto& items = graph_.containers[dict.payload].items;
    items.insert(items.end(), values.begin() + 1, values.end());
  } else if (dict.kind == ValueKind::kInert) {
    if (count % 2 != 0) return fail(ErrorKind::kPickle, "a key is set without a value");
    set_in_inert(graph_, dict, values.subspan(1));
  } else if (!is_unlisted(dict)) {
    return fail(ErrorKind::kPickle, concat("items are set in a ", python_type_name(dict.kind)));
  }
  stack_.drop(count);
  return {};
}

Result<void> Machine::put(std::uint64_t index) {
  HARDLOAD_ASSIGN(const Slot* const value, stack_.top());
  return memo_.put(index, *value);
}

Result<void> Machine::get(std::uint64_t index) {
  HARDLOAD_ASSIGN(const Slot value, memo_.get(index));
  return stack_.push(value);
}

// Python takes the number of entries for the next index; it is the same here as long as no PUT left
// any out, which no pickler mixes with this.
Result<void> Machine::memoize() {
  HARDLOAD_ASSIGN(const Slot* const value, stack_.top());
  if (memo_.size() != memoized_) {
    return fail(ErrorKind::kPickle, "MEMOIZE is used beside PUT");
  }
  return memo_.put(memoized_++, *value);
}

// So many bytes that Python reads at once follow. That is all it says.
Result<void> Machine::frame() {
  const auto length = cursor_.read<std::uint64_t>();
  if (!length) return cut_short();
  if (*length <= cursor_.remaining()) return {};
  return fail(ErrorKind::kPickle, concat("a frame of ", *length, " bytes runs past the pickle"));
}

// The value of an operand, and then an action with it.
#define HARDLOAD_WITH_OPERAND(type, action)    \
  {                                            \
    const auto operand = cursor_.read<type>(); \
    if (!operand) [[unlikely]]                 \
      return cut_short();                      \
    const std::uint64_t value = *operand;      \
    return action;                             \
  }
#define HARDLOAD_WITH_MARK(action)                               \
  {                                                              \
    HARDLOAD_ASSIGN(const std::size_t count, stack_.pop_mark()); \
    return action;                                               \
  }

Result<void> Machine::step(Opcode opcode) {
  using u8 = std::uint8_t;
  using u16 = std::uint16_t;
  using u32 = std::uint32_t;
  switch (opcode) {
    case Opcode::kNone: return stack_.push({});
    case Opcode::kNewTrue: return stack_.push({ValueKind::kBool, 0, 1});
    case Opcode::kNewFalse: return stack_.push({ValueKind::kBool, 0, 0});
    case Opcode::kBinInt:
      HARDLOAD_WITH_OPERAND(u32, push_int(static_cast<std::int32_t>(static_cast<u32>(value))))
    case Opcode::kBinInt1: HARDLOAD_WITH_OPERAND(u8, push_int(static_cast<std::int64_t>(value)))
    case Opcode::kBinInt2: HARDLOAD_WITH_OPERAND(u16, push_int(static_cast<std::int64_t>(value)))
    case Opcode::kLong1: HARDLOAD_WITH_OPERAND(u8, push_integer(value))
    case Opcode::kLong4: HARDLOAD_WITH_OPERAND(u32, push_integer(value))
    case Opcode::kBinFloat: return push_float();
    case Opcode::kBinUnicode:
    case Opcode::kBinString: HARDLOAD_WITH_OPERAND(u32, push_string(value))
    case Opcode::kShortBinString: HARDLOAD_WITH_OPERAND(u8, push_string(value))

    case Opcode::kEmptyTuple: return push_tuple(0);
    case Opcode::kTuple1: return push_tuple(1);
    case Opcode::kTuple2: return push_tuple(2);
    case Opcode::kTuple3: return push_tuple(3);
    case Opcode::kTuple: HARDLOAD_WITH_MARK(push_tuple(count))
    case Opcode::kEmptyList: return push_container(ValueKind::kList);
    case Opcode::kEmptyDict: return push_container(ValueKind::kDict);
    case Opcode::kEmptySet: return push_container(ValueKind::kSet);
    case Opcode::kAppend: return append(1);
    case Opcode::kAppends: HARDLOAD_WITH_MARK(append(count))
    case Opcode::kSetItem: return set_items(2);
    case Opcode::kSetItems: HARDLOAD_WITH_MARK(set_items(count))

    case Opcode::kMark: return stack_.mark();
    case Opcode::kPop: return stack_.discard();
    case Opcode::kPopMark: HARDLOAD_WITH_MARK((stack_.drop(count), Result<void>()))
    case Opcode::kBinPut: HARDLOAD_WITH_OPERAND(u8, put(value))
    case Opcode::kLongBinPut: HARDLOAD_WITH_OPERAND(u32, put(value))
    case Opcode::kBinGet: HARDLOAD_WITH_OPERAND(u8, get(value))
    case Opcode::kLongBinGet: HARDLOAD_WITH_OPERAND(u32, get(value))

    case Opcode::kGlobal: return global();
    case Opcode::kReduce: return call(/*reduce=*/true);
    case Opcode::kNewObj: return call(/*reduce=*/false);
    case Opcode::kBuild: return build();
    case Opcode::kBinPersId: return persistent_id();

    case Opcode::kProto: return fail(ErrorKind::kPickle, "the protocol is set twice");
    case Opcode::kStop: break;
    case Opcode::kShortBinUnicode:
    case Opcode::kStackGlobal:
    case Opcode::kMemoize:
    case Opcode::kFrame:
      if (graph_.dialect == Dialect::kDistributed) return step_of_protocol_4(opcode);
      break;
  }
  return fail(ErrorKind::kPickle, concat("byte ", static_cast<int>(opcode),
                                         " is no instruction of a torch.save pickle"));
}

Result<void> Machine::step_of_protocol_4(Opcode opcode) {
  switch (opcode) {
    case Opcode::kShortBinUnicode: HARDLOAD_WITH_OPERAND(std::uint8_t, push_string(value))
    case Opcode::kStackGlobal: return stack_global();
    case Opcode::kMemoize: return memoize();
    default: return frame();
  }
}

#undef HARDLOAD_WITH_OPERAND
#undef HARDLOAD_WITH_MARK

}  // namespace

Result<ValueGraph> run_pickle(Buffer pickle, std::string_view record, const Limits& limits,
                              Unlisted unlisted, Dialect dialect, const NumberedKinds* numbered) {
  // A Slot keeps lengths in 32 bits, however far max_pickle_bytes was raised.
  constexpr std::uint64_t kLargest = 0xFFFFFFFE;
  if (pickle.size() > kLargest) {
    return fail(ErrorKind::kLimit, concat("a pickle of ", pickle.size(), " bytes is too large"))
        .in_record(record);
  }
  Machine machine(std::move(pickle), limits, unlisted, dialect, numbered);
  if (auto done = machine.run(); !done.ok()) {
    Error error = std::move(done).error();
    // What was made from an unlisted name may have led to another error: the name is the cause.
    if (error.kind() == ErrorKind::kPickle && !machine.unlisted().empty()) {
      error = machine.unlisted().error(/*root_is_object=*/false);
    }
    return std::move(error).in_record(record).at(machine.offset());
  }
  return std::move(machine).take_graph();
}

}  // namespace hardload
