// PickleWriter: writes a pickle, object by object, with the bytes of Python's pickler.
//
// What Python's C pickler writes under protocol 2 (Modules/_pickle.c, Python 3.11), which
// torch.save uses: each object that can be referred to again is put into the memo, and where Python
// has one object for equal values (the empty string, a byte, names of its source), there is one
// here.
//
//   PickleWriter pickle;
//   pickle.empty_dict();                             // {"epoch": 3}
//   pickle.text("epoch");
//   pickle.integer(3);
//   pickle.op(Opcode::kSetItem);
//   HARDLOAD_ASSIGN(const std::string bytes, std::move(pickle).stop());
//
// It knows opcodes, not objects: which calls make a sound pickle is up to the caller. Names of
// globals are not compared with the table here (globals.h); a caller passes names of it only.
//
// Ownership: owns its bytes. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "loader/base/result.h"
#include "loader/pickle/opcode.h"

namespace hardload {

class PickleWriter {
 public:
  // Where in the memo an object is.
  using Index = std::uint32_t;

  PickleWriter() { op(Opcode::kProto).byte(2); }

  // An opcode without operands.
  PickleWriter& op(Opcode opcode) { return byte(static_cast<unsigned char>(opcode)); }

  // Puts the object that was just made into the memo; get() makes it again.
  Index put();
  void get(Index index);

  void none() { op(Opcode::kNone); }
  void boolean(bool value) { op(value ? Opcode::kNewTrue : Opcode::kNewFalse); }
  void integer(std::int64_t value);
  // An integer of any size: two's complement, little-endian.
  void integer(std::span<const std::byte> bytes);
  void real(double value);
  // The next four put what they make into the memo and return where.
  Index complex(double real, double imaginary);
  // A str, as UTF-8 with surrogates let through.
  Index text(std::string_view utf8);
  Index bytes(std::span<const std::byte> bytes);
  Index byte_array(std::span<const std::byte> bytes);

  // A str that is one object in Python wherever it is used, like a name in its source.
  void constant(std::string_view utf8);
  // A class or function; Python 3's name for `builtins`.
  void global(std::string_view module, std::string_view name);

  Index empty_list() { return op(Opcode::kEmptyList).put(); }
  Index empty_dict() { return op(Opcode::kEmptyDict).put(); }
  // Around the items of a tuple. The empty tuple is not in the memo: its index means nothing.
  void open_tuple(std::size_t items);
  Index close_tuple(std::size_t items);
  // Instead of close_tuple: drops what was written since open_tuple (Python does so for a tuple
  // that contains itself, once it is made as its own part).
  void drop_tuple(std::size_t items);
  // A tuple of integers.
  void integers(std::span<const std::int64_t> values);

  std::size_t size() const { return out_.size(); }

  // The whole pickle. Errors: kLimit where a string is over 4 GiB or 2^32 objects are in the memo,
  // which protocol 2 cannot write.
  Result<std::string> stop() &&;

 private:
  PickleWriter& byte(unsigned char value) {
    out_ += static_cast<char>(value);
    return *this;
  }
  void little_endian(std::uint64_t value, int bytes);
  Index new_text(std::string_view utf8);
  Index new_bytes(std::span<const std::byte> bytes);

  using Made = std::unordered_map<std::string, Index>;
  // What stands under `key` in `made`, again; or else what `make` makes.
  template <typename Make>
  Index once(Made& made, std::string_view key, const Make& make);

  std::string out_;
  std::uint64_t memo_size_ = 0;
  bool is_too_large_ = false;
  Made constants_;   // texts that Python has once
  Made characters_;  // texts of one character that bytes were decoded to
  Made bytes_;       // bytes objects that Python has once
  Made globals_;     // by "module\nname"
};

// The opcodes around the items of a list or dict, which Python's pickler writes in batches of 1000.
class Batches {
 public:
  enum class Kind {
    kList,
    kDict,     // exactly a dict
    kIterated  // the items of a call that makes a dict (OrderedDict)
  };

  Batches(Kind kind, std::size_t count) : kind_(kind), count_(count) {}

  // To be called before and after item `i` (key and value together), in order.
  void before(PickleWriter& pickle, std::size_t i) const;
  void after(PickleWriter& pickle, std::size_t i) const;

 private:
  bool is_lone(std::size_t i) const;

  Kind kind_;
  std::size_t count_;
};

}  // namespace hardload
