// Tree: an object that can be saved, as one would write it down in Python.
//
//   Tree checkpoint = Tree::dict({
//       {"model", state_dict_of(*net)},            // an OrderedDict with _metadata
//       {"epoch", 7},
//       {"losses", Tree::list({0.5, 0.25})},
//       {"mean", torch::zeros({3})},
//   });
//   checkpoint.add("name", "run 1");
//   hardload::save(checkpoint, "training.pt").value();
//
// A Tree is like a name in Python: copying it copies no container, list or tensor, and a container
// that is put into two places is one object there, in the file, and in what torch.load makes of it.
// Strings and numbers never change. Which keys can be keys, and whether a key stands there twice,
// is checked by save().
//
// Ownership: shares containers and tensors. A container that holds itself, directly or not, would
// never be freed: put Tree::reference(container) there. Threads: like a std::shared_ptr to a
// std::vector.
#pragma once

#include <complex>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <c10/core/Storage.h>

#include "loader/pickle/value.h"
#include "loader/torch/state_dict.h"

namespace hardload {

class Tree {
 public:
  using Items = std::vector<Tree>;
  using Entries = std::vector<std::pair<Tree, Tree>>;

  Tree() = default;  // None
  template <std::same_as<bool> Bool>
  Tree(Bool value) : kind_(ValueKind::kBool), content_(std::uint64_t{value}) {}
  // Integers; numbers over 2^63 - 1 are kept right.
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool> && !std::same_as<Integer, char>) Tree(Integer value)
      : Tree(whole(static_cast<std::uint64_t>(value), std::is_signed_v<Integer>)) {}
  Tree(double value);
  Tree(std::complex<double> value) : kind_(ValueKind::kComplex), content_(value) {}
  Tree(std::string_view utf8) : Tree(ValueKind::kString, utf8) {}
  Tree(const std::string& utf8) : Tree(std::string_view(utf8)) {}
  Tree(const char* utf8) : Tree(std::string_view(utf8)) {}
  Tree(at::Tensor tensor) : kind_(ValueKind::kTensor), content_(std::move(tensor)) {}
  // An OrderedDict of the tensors, with the versions as its `_metadata` where there are any.
  Tree(const StateDict& state);

  static Tree list(Items items = {}) { return Tree(ValueKind::kList, std::move(items)); }
  static Tree tuple(Items items) { return Tree(ValueKind::kTuple, std::move(items)); }
  static Tree set(Items items) { return Tree(ValueKind::kSet, std::move(items)); }
  static Tree dict(Entries entries = {}) { return Tree(ValueKind::kDict, std::move(entries)); }
  static Tree ordered_dict(Entries entries = {}) {
    return Tree(ValueKind::kOrderedDict, std::move(entries));
  }
  static Tree counter(Entries entries) { return Tree(ValueKind::kCounter, std::move(entries)); }
  static Tree bytes(std::string_view content) { return Tree(ValueKind::kBytes, content); }
  static Tree byte_array(std::string_view content) { return Tree(ValueKind::kByteArray, content); }
  // An integer of any size: two's complement, little-endian.
  static Tree big_int(std::string_view content) { return Tree(ValueKind::kBigInt, content); }
  static Tree size(at::IntArrayRef sizes);  // torch.Size
  // torch.device: "cuda", 1.
  static Tree device(std::string_view type, std::optional<std::int64_t> index = std::nullopt);
  // By torch's names: "float32", "per_tensor_affine", "torch.strided".
  static Tree dtype(std::string_view name) { return Tree(ValueKind::kDtype, name); }
  static Tree qscheme(std::string_view name) { return Tree(ValueKind::kQScheme, name); }
  static Tree layout(std::string_view name) { return Tree(ValueKind::kLayout, name); }
  // A class that a checkpoint may name: "torch", "FloatStorage".
  static Tree named_class(std::string_view module, std::string_view name);
  // An nn.Parameter, which requires a gradient if `data` does.
  static Tree parameter(at::Tensor data);
  // A storage itself: torch.UntypedStorage where `type` is Byte, else a typed one.
  static Tree storage(c10::Storage storage, c10::ScalarType type = c10::ScalarType::Byte);

  // A place where `container` is once more, which does not keep it alive.
  static Tree reference(const Tree& container);

  // Adds an item to a list or set, an entry to a mapping; to all others, nothing.
  void push_back(Tree item);
  void add(Tree key, Tree value);
  // The attributes of an OrderedDict, a dict: {"_metadata": ...}.
  void set_attributes(Tree dict);

  // As Python would call its type. kClass: a class or function; kInt includes all that fit.
  ValueKind kind() const { return kind_; }
  bool is_mapping() const;
  bool is_parameter() const { return is_parameter_; }

  // kBool, kInt, kFloat: the scalar; else nullopt.
  std::optional<std::int64_t> as_int() const;
  std::optional<double> as_float() const;
  // kComplex: it; else 0.
  std::complex<double> as_complex() const;
  // The text or bytes of all kinds that have any; kClass: "module\nname". Else empty.
  std::string_view text() const;
  // kTensor: it; else undefined.
  at::Tensor tensor() const;
  // kStorage: it, and the type of its elements.
  c10::Storage storage() const;
  c10::ScalarType storage_type() const { return storage_type_; }

  // A container's elements; a mapping's keys and values by turns; a device's type and index. Empty
  // for all others. Valid until the container changes or goes.
  const Items& items() const;
  Tree attributes() const;

  // Which object this is; nullptr for those that are equal wherever they are alike.
  const void* identity() const;
  // Whether this is a reference() whose container is gone.
  bool is_expired() const;

 private:
  struct Node;
  friend class TreeBuilder;

  Tree(ValueKind kind, std::string_view text)
      : kind_(kind), content_(std::make_shared<const std::string>(text)) {}
  Tree(ValueKind kind, Items items);
  Tree(ValueKind kind, Entries entries);
  static Tree whole(std::uint64_t bits, bool is_signed);
  std::shared_ptr<Node> node() const;

  ValueKind kind_ = ValueKind::kNone;
  bool is_parameter_ = false;
  c10::ScalarType storage_type_ = c10::ScalarType::Byte;
  std::variant<std::uint64_t, std::complex<double>, std::shared_ptr<const std::string>,
               std::shared_ptr<Node>, std::weak_ptr<Node>, at::Tensor, c10::Storage>
      content_ = std::uint64_t{0};
};

}  // namespace hardload
