// PickleBuilder: pickles for tests, instruction by instruction.
//
//   PickleBuilder p;
//   p.empty_dict().mark().text("a").integer(1).op('u');
//   std::string pickle = p.stop();
//
// Begins with PROTO 2 unless told otherwise. Makes no checks: wrong pickles are the point.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hardload::testing {

class PickleBuilder {
 public:
  explicit PickleBuilder(std::string start = std::string("\x80\x02", 2)) : out_(std::move(start)) {}

  // One opcode without operands, or raw bytes.
  PickleBuilder& op(char opcode) { return raw(std::string(1, opcode)); }
  PickleBuilder& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }

  PickleBuilder& mark() { return op('('); }
  PickleBuilder& none() { return op('N'); }
  PickleBuilder& boolean(bool value) { return op(value ? '\x88' : '\x89'); }
  PickleBuilder& empty_tuple() { return op(')'); }
  PickleBuilder& empty_list() { return op(']'); }
  PickleBuilder& empty_dict() { return op('}'); }
  PickleBuilder& tuple() { return op('t'); }  // of everything above the mark
  PickleBuilder& reduce() { return op('R'); }

  PickleBuilder& text(std::string_view value) {
    op('X').u32(static_cast<std::uint32_t>(value.size()));
    return raw(value);
  }
  // LONG1 of eight bytes.
  PickleBuilder& integer(std::int64_t value) {
    raw("\x8a\x08");
    for (int i = 0; i < 8; ++i) op(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
    return *this;
  }
  PickleBuilder& global(std::string_view module, std::string_view name) {
    return op('c').raw(module).op('\n').raw(name).op('\n');
  }
  PickleBuilder& put(std::uint32_t index) { return op('r').u32(index); }
  PickleBuilder& get(std::uint32_t index) { return op('j').u32(index); }
  PickleBuilder& u32(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) op(static_cast<char>(value >> (8 * i)));
    return *this;
  }

  // A tuple of integers.
  PickleBuilder& integers(const std::vector<std::int64_t>& values) {
    mark();
    for (const std::int64_t value : values) integer(value);
    return tuple();
  }
  // A storage's persistent id, resolved.
  PickleBuilder& storage(std::string_view storage_class, std::string_view key, std::int64_t numel,
                         std::string_view location = "cpu") {
    const bool untyped = storage_class == "UntypedStorage";
    mark().text("storage").global(untyped ? "torch.storage" : "torch", storage_class);
    return text(key).text(location).integer(numel).tuple().op('Q');
  }
  // collections.OrderedDict()
  PickleBuilder& ordered_dict() {
    return global("collections", "OrderedDict").empty_tuple().reduce();
  }
  // A tensor of torch.save: _rebuild_tensor_v2(storage, offset, shape, strides, False, hooks).
  PickleBuilder& tensor(std::string_view storage_class, std::string_view key, std::int64_t numel,
                        const std::vector<std::int64_t>& shape,
                        const std::vector<std::int64_t>& strides, std::int64_t offset = 0) {
    global("torch._utils", "_rebuild_tensor_v2").mark();
    storage(storage_class, key, numel).integer(offset).integers(shape).integers(strides);
    return boolean(false).ordered_dict().tuple().reduce();
  }

  std::string stop() const { return out_ + '.'; }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

}  // namespace hardload::testing
