#include "loader/torch/to_tree.h"

#include <complex>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/text.h"
#include "loader/torch/dtype_map.h"
#include "loader/torch/tree_node.h"

namespace hardload {

// Goes through the values without recursion. Objects that are there once are made once: a value is
// the same object where kind and payload (its place in the graph) are the same.
class TreeBuilder {
 public:
  explicit TreeBuilder(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  Result<Tree> run() {
    HARDLOAD_ASSIGN(Tree root, convert(checkpoint_.root()));
    while (!frames_.empty()) HARDLOAD_TRY(step());
    return root;
  }

 private:
  struct Frame {
    Value value;
    std::shared_ptr<Tree::Node> node;
    std::size_t next = 0;  // child to convert; a mapping's keys and values count
    bool has_attributes = false;
  };
  struct Made {
    Tree tree;
    bool is_open = false;  // among the frames
  };

  Result<void> step() {
    Frame& frame = frames_.back();
    const bool mapping = frame.value.is_mapping();
    const std::size_t count = frame.value.size() * (mapping ? 2 : 1);
    if (frame.next < count) {
      const std::size_t i = frame.next++;
      const std::shared_ptr<Tree::Node> node = frame.node;  // the frame may move
      const Value child = !mapping     ? frame.value.item(i)
                          : i % 2 == 0 ? frame.value.key(i / 2)
                                       : frame.value.item(i / 2);
      HARDLOAD_ASSIGN(Tree tree, convert(child));
      node->items.push_back(std::move(tree));
      return {};
    }
    const auto attributes = frame.value.attributes();
    if (attributes && !frame.has_attributes) {
      frame.has_attributes = true;
      const std::shared_ptr<Tree::Node> node = frame.node;
      HARDLOAD_ASSIGN(node->attributes, convert(*attributes));
      return {};
    }
    made_.at(key_of(frame.value)).is_open = false;
    frames_.pop_back();
    return {};
  }

  using Key = std::pair<ValueKind, std::uint64_t>;
  static Key key_of(Value value) { return {value.kind(), value.slot().payload}; }

  // Whether `value` is an object whose payload tells it from all others. Empty tuples and bytes lie
  // nowhere.
  static bool has_identity(Value value) {
    switch (value.kind()) {
      case ValueKind::kList:
      case ValueKind::kSet:
      case ValueKind::kDict:
      case ValueKind::kOrderedDict:
      case ValueKind::kCounter:
      case ValueKind::kByteArray:
      case ValueKind::kSize:
      case ValueKind::kDevice: return true;
      case ValueKind::kTuple:
      case ValueKind::kString:
      case ValueKind::kBytes: return value.slot().length > 0;
      default: return false;
    }
  }

  Result<Tree> convert(Value value) {
    if (!has_identity(value)) return make(value);
    const auto known = made_.find(key_of(value));
    if (known != made_.end()) {
      return known->second.is_open ? Tree::reference(known->second.tree) : known->second.tree;
    }
    HARDLOAD_ASSIGN(Tree tree, make(value));
    const bool opened = tree.node() != nullptr && value.kind() != ValueKind::kDevice;
    made_.emplace(key_of(value), Made{tree, opened});
    if (opened) frames_.push_back({value, tree.node()});
    return tree;
  }

  // `value` itself; containers are empty and filled by step().
  Result<Tree> make(Value value) const {
    const auto content = [&] {
      const auto bytes = value.bytes();
      return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    switch (value.kind()) {
      case ValueKind::kNone: return Tree();
      case ValueKind::kBool: return Tree(*value.as_bool());
      case ValueKind::kInt: return Tree(*value.as_int());
      case ValueKind::kBigInt: return Tree::big_int(content());
      case ValueKind::kFloat: return Tree(*value.as_float());
      case ValueKind::kComplex: return Tree(std::complex(value.real(), value.imaginary()));
      case ValueKind::kBytes: return Tree::bytes(content());
      case ValueKind::kByteArray: return Tree::byte_array(content());
      case ValueKind::kString:
      case ValueKind::kDtype:
      case ValueKind::kQScheme:
      case ValueKind::kLayout:
      case ValueKind::kClass: return Tree(value.kind(), value.text());
      case ValueKind::kList:
      case ValueKind::kTuple:
      case ValueKind::kSize:
      case ValueKind::kSet:
      case ValueKind::kDict:
      case ValueKind::kOrderedDict:
      case ValueKind::kCounter: return Tree(value.kind(), Tree::Items());
      case ValueKind::kDevice: return device(value);
      case ValueKind::kTensor: return tensor(value);
      case ValueKind::kStorage: return storage(value);
      default: break;
    }
    return Error(ErrorKind::kUnsupported, Stage::kTorch,
                 concat("the checkpoint holds a ", python_type_name(value.kind()),
                        ", which is not plain data and is not saved"))
        .advise("Save the parts of the checkpoint that you need.");
  }

  static Tree device(Value value) {
    return Tree::device(value.item(0).text(),
                        value.size() > 1 ? value.item(1).as_int() : std::nullopt);
  }

  Result<Tree> tensor(Value value) const {
    const TensorSpec& spec = checkpoint_.manifest().tensors()[value.number()];
    const at::Tensor& tensor = checkpoint_.tensor(value);
    if (!tensor.defined()) return not_loaded();
    if (const auto attributes = value.attributes(); attributes && attributes->size() > 0) {
      return Error(ErrorKind::kUnsupported, Stage::kTorch,
                   concat("a tensor has Python attributes ('", attributes->key(0).text(),
                          "'), which are not saved"))
          .advise("Save the tensor without them: build a Tree of the parts that you need.");
    }
    return spec.is_parameter ? Tree::parameter(tensor) : Tree(tensor);
  }

  static Error not_loaded() {
    return Error(ErrorKind::kKey, Stage::kTorch,
                 "the checkpoint was loaded in part (LoadOptions::only) and cannot be saved whole")
        .advise("Save the parts that you need: checkpoint.state_dict(...).");
  }

  Result<Tree> storage(Value value) const {
    const StorageSpec& spec = checkpoint_.manifest().storages()[value.number()];
    if (!checkpoint_.storages()[value.number()]) return not_loaded();
    return Tree::storage(checkpoint_.storages()[value.number()], scalar_type(spec.dtype));
  }

  const Checkpoint& checkpoint_;
  std::map<Key, Made> made_;
  std::vector<Frame> frames_;
};

Result<Tree> to_tree(const Checkpoint& checkpoint) { return TreeBuilder(checkpoint).run(); }

}  // namespace hardload
