// Value: one object of a checkpoint, as data; ValueGraph: all of them.
//
// The pickle machine turns data.pkl into a graph of values: what Python would have made, without
// Python's types having been imported or called. Containers may be shared and may contain
// themselves, as in Python. Tensors and storages are references that the manifest resolves.
//
//   const Value root = checkpoint.root();
//   if (const auto epoch = root.find("epoch")) std::cout << epoch->as_int().value_or(0);
//   for (std::size_t i = 0; i < root.size(); ++i) use(root.key(i), root.item(i));
//
// Ownership: a Value borrows its ValueGraph, and so does the text that it returns. Copying a Value
// is copying a pointer. Threads: reading from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "loader/bytes/buffer.h"
#include "loader/pickle/globals.h"

namespace hardload {

enum class ValueKind : std::uint8_t {
  kNone,
  kBool,
  kInt,     // fits std::int64_t
  kBigInt,  // does not; see Value::bytes()
  kFloat,
  kComplex,
  kString,  // UTF-8, lone surrogates possible
  kBytes,
  kByteArray,
  kList,
  kTuple,
  kSize,  // torch.Size
  kSet,
  kDict,
  kOrderedDict,
  kCounter,
  kDtype,    // text(): "float32"
  kQScheme,  // text(): "per_tensor_affine"
  kLayout,   // text(): "torch.strided"
  kDevice,   // items: type, and index if any
  kClass,    // a class or function itself; text(): "torch\nFloatStorage"
  kInert,    // an object of an unlisted class, which was not made; see InertPart
  kScript,   // an object of a TorchScript class: a mapping of its attributes; see Value::part
  kTensor,
  kStorage,
};

// "list", "tuple", "torch.Size", ...: what Python calls the type.
std::string_view python_type_name(ValueKind kind);

// What a slot of the graph holds. An implementation detail of this room and the manifest.
struct Slot {
  ValueKind kind = ValueKind::kNone;
  std::uint32_t length = 0;   // of text, bytes or items
  std::uint64_t payload = 0;  // the scalar's bits, or where in the graph the content begins
};

// What is known of a kInert: what would have been called, with which arguments (a tuple), and what
// would then have been put into the object: the state (mostly the dict of its attributes), items
// where it is a kind of list, entries where it is a kind of dict. None where there is no such part.
enum class InertPart : std::uint8_t { kCallable, kArguments, kState, kItems, kEntries };
inline constexpr std::size_t kInertParts = 5;

struct ValueGraph {
  // A list, set or dict, whose items are key, value, key, value...; the parts of a kInert; or the
  // class and state of a kScript.
  struct Container {
    std::vector<Slot> items;
  };
  // A kTensor: a constructor applied to arguments. A kStorage: a persistent id, the arguments. In
  // torch 0.1 both are numbers.
  struct Call {
    Constructor constructor = {};  // only for a kTensor
    bool has_state = false;        // that was set by BUILD; see states
    Slot arguments;                // a tuple; of a number, it
    std::int64_t resolved = -1;    // the tensor's or storage's number in the manifest

    bool is_storage() const { return constructor < Constructor::kTensorClass; }
  };
  // A name of the table, used as a value.
  struct Class {
    Global global;
    Slot name;  // "module\nname"
  };

  Buffer text;                   // the pickle; strings lie in it
  std::vector<std::byte> bytes;  // decoded bytes objects
  std::vector<Slot> items;       // of tuples, sizes, devices, complex numbers
  std::vector<Container> containers;
  std::map<std::uint64_t, Slot> attributes;  // of few OrderedDicts, set by BUILD: dicts
  std::vector<Call> calls;
  std::map<std::uint64_t, Slot> states;  // of few calls, by their numbers
  std::vector<Class> classes;
  Slot root;
  Dialect dialect = Dialect::kPython;
  std::uint64_t copied = 0;  // items and bytes that constructors copied so far

  std::string_view text_of(Slot slot) const;
  std::span<const Slot> items_of(Slot slot) const;
  // The dict of the attributes of a kScript, or else what took its place; `slot` of all others.
  Slot state_of(Slot slot) const;
};

class Value {
 public:
  Value(const ValueGraph& graph, Slot slot) : graph_(&graph), slot_(slot) {}

  ValueKind kind() const { return slot_.kind; }
  bool is_mapping() const;   // dict, OrderedDict, Counter; a kScript that has attributes
  bool is_sequence() const;  // list, tuple, torch.Size

  // The scalar, or nullopt where the value is of another kind. as_int takes bools, too; as_float
  // takes ints.
  std::optional<bool> as_bool() const;
  std::optional<std::int64_t> as_int() const;
  std::optional<double> as_float() const;
  std::optional<std::string_view> as_string() const;

  // kString, kDtype, kQScheme, kLayout, kClass: the text. Else empty.
  std::string_view text() const;
  // kBytes, kByteArray: the bytes; kBigInt: two's complement, little-endian. Else empty.
  std::span<const std::byte> bytes() const;
  // kComplex: real and imaginary part.
  double real() const;
  double imaginary() const;

  // Number of elements of a sequence or set, of entries of a mapping; 0 for all others.
  std::size_t size() const;
  // Element `i` of a sequence or set; the value of entry `i` of a mapping. i < size().
  Value item(std::size_t i) const;
  // The key of entry `i` of a mapping. i < size().
  Value key(std::size_t i) const;
  // The value under a string key of a mapping; nullopt where there is none. Linear in size().
  std::optional<Value> find(std::string_view key) const;
  // The Python attributes of an OrderedDict (`_metadata`) or tensor, a dict; nullopt where none.
  std::optional<Value> attributes() const;
  // What a kTensor was given as its state: its attributes, or a pair of these and another dict (of
  // __slots__); nullopt where nothing.
  std::optional<Value> state() const;

  // kInert: the part. kScript: its class is kCallable, and kState is the dict of its attributes, or
  // what the class's own __getstate__ gave, or the value of an enum. Else None.
  Value part(InertPart part) const;

  // kTensor: its number among Manifest::tensors; kStorage: among Manifest::storages.
  std::size_t number() const;

  // Which container this is: equal for two values exactly if they are the same Python object.
  // Only for list, set, mapping, kInert and kScript.
  std::size_t identity() const { return slot_.payload; }

  Slot slot() const { return slot_; }

 private:
  const ValueGraph* graph_;
  Slot slot_;
};

}  // namespace hardload
