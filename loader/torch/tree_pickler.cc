#include "loader/torch/tree_pickler.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>

#include <c10/core/Device.h>

#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/pickle/construct.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/torch/saved_storages.h"
#include "loader/torch/tensor_pickler.h"
#include "loader/torch/tree_keys.h"

namespace hardload {
namespace {

Error unsupported(std::string problem, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, std::move(problem)).advise(advice);
}

// What the machine makes of the name.
ValueKind kind_of(const Global& global) {
  switch (global.kind) {
    case GlobalKind::kDtype: return ValueKind::kDtype;
    case GlobalKind::kQScheme: return ValueKind::kQScheme;
    default: return ValueKind::kClass;
  }
}

class TreePickler {
 public:
  TreePickler(const Limits& limits, SavedStorages::Untyped untyped)
      : limits_(limits), storages_(std::move(untyped)), tensors_(pickle_, storages_, limits) {}

  Result<void> run(const Tree& root) {
    auto done = visit(root);
    while (done.ok() && !frames_.empty()) done = step();
    return done.ok() ? done : with_path(done.error());
  }

  const SavedStorages& storages() const { return storages_; }
  Result<std::string> stop() && { return std::move(pickle_).stop(); }

 private:
  using Index = PickleWriter::Index;

  // A container whose items are being written.
  struct Frame {
    Tree tree;
    Batches batches;
    std::size_t next = 0;  // item to write; a mapping's keys and values count
    bool has_attributes = false;
    KeySet keys;

    std::size_t width() const { return tree.is_mapping() ? 2 : 1; }
  };

  Result<void> step();
  Result<void> finish(Frame& frame);
  Result<void> visit(const Tree& tree);
  Result<void> write_leaf(const Tree& tree);
  Result<void> open(const Tree& tree);
  Result<void> push(const Tree& tree, Batches::Kind kind);
  Result<void> write_global(const Tree& tree);
  Result<void> write_size(const Tree& tree);
  Result<void> write_device(const Tree& tree);
  // The last steps of `type(argument)`, whose argument was just written.
  void finish_call(const Tree& tree);
  void remember(const Tree& tree, Index index) { memo_.emplace(tree.identity(), index); }
  Error with_path(const Error& error) const;

  const Limits& limits_;
  PickleWriter pickle_;
  SavedStorages storages_;
  TensorPickler tensors_;
  std::vector<Frame> frames_;
  std::unordered_map<const void*, Index> memo_;
  std::unordered_map<const void*, Index> parameters_;  // a tensor may be there as both
};

Result<void> TreePickler::step() {
  Frame& frame = frames_.back();
  const Tree::Items& items = frame.tree.items();
  const std::size_t width = frame.width();
  if (pickle_.size() > limits_.max_pickle_bytes) {
    return Error(ErrorKind::kLimit, Stage::kTorch,
                 concat("the pickle is over max_pickle_bytes, ", limits_.max_pickle_bytes))
        .advise("Put what is large into tensors, or raise the limit here and where it is loaded.");
  }
  const bool batched = frame.tree.kind() != ValueKind::kTuple;
  const std::size_t i = frame.next;
  if (batched && !frame.has_attributes && i > 0 && i % width == 0) {
    frame.batches.after(pickle_, i / width - 1);
  }
  if (i == items.size()) return finish(frame);
  if (batched && i % width == 0) {
    frame.batches.before(pickle_, i / width);
    // The keys of a mapping, and the items of a set.
    if (frame.tree.kind() != ValueKind::kList) {
      HARDLOAD_TRY(frame.keys.add(items[i], limits_.walked(pickle_.size())));
    }
  }
  ++frame.next;
  return visit(items[i]);  // may move the frame
}

Result<void> TreePickler::finish(Frame& frame) {
  const Tree tree = frame.tree;
  const std::size_t count = tree.items().size();
  switch (tree.kind()) {
    case ValueKind::kTuple: {
      // A tuple that contains itself was written inside of itself, whole.
      const auto known = memo_.find(tree.identity());
      if (known != memo_.end()) {
        pickle_.drop_tuple(count);
        pickle_.get(known->second);
      } else {
        remember(tree, pickle_.close_tuple(count));
      }
      break;
    }
    case ValueKind::kSet:
    case ValueKind::kCounter: finish_call(tree); break;
    case ValueKind::kOrderedDict:
      if (tree.attributes().kind() == ValueKind::kNone) break;
      if (!frame.has_attributes) {
        frame.has_attributes = true;  // what comes next is finish() again
        if (tree.attributes().kind() != ValueKind::kDict) {
          return unsupported("the attributes of an OrderedDict are no dict",
                             "Give them as a dict.");
        }
        return visit(tree.attributes());
      }
      pickle_.op(Opcode::kBuild);
      break;
    default: break;
  }
  frames_.pop_back();
  return {};
}

void TreePickler::finish_call(const Tree& tree) {
  pickle_.close_tuple(1);
  remember(tree, pickle_.op(Opcode::kReduce).put());
}

Result<void> TreePickler::visit(const Tree& tree) {
  if (tree.is_expired()) {
    return unsupported("this is a reference to a container that is gone",
                       "Keep the container, or save it where the reference is.");
  }
  switch (tree.kind()) {
    case ValueKind::kNone: return pickle_.none(), Result<void>();
    case ValueKind::kBool: return pickle_.boolean(*tree.as_int() != 0), Result<void>();
    case ValueKind::kInt: return pickle_.integer(*tree.as_int()), Result<void>();
    case ValueKind::kFloat: return pickle_.real(*tree.as_float()), Result<void>();
    case ValueKind::kTensor: {
      auto& memo = tree.is_parameter() ? parameters_ : memo_;
      const auto known = memo.find(tree.identity());
      if (known != memo.end()) return pickle_.get(known->second), Result<void>();
      HARDLOAD_ASSIGN(const Index index, tensors_.write(tree.tensor(), tree.is_parameter()));
      memo.emplace(tree.identity(), index);
      return {};
    }
    case ValueKind::kStorage: return tensors_.write_storage(tree.storage(), tree.storage_type());
    default: break;
  }
  const auto known = memo_.find(tree.identity());
  if (known != memo_.end() && tree.identity() != nullptr) {
    return pickle_.get(known->second), Result<void>();
  }
  return write_leaf(tree);
}

Result<void> TreePickler::write_leaf(const Tree& tree) {
  const std::span bytes = std::as_bytes(std::span(tree.text().data(), tree.text().size()));
  switch (tree.kind()) {
    case ValueKind::kBigInt: pickle_.integer(bytes); return {};
    case ValueKind::kComplex:
      pickle_.complex(tree.as_complex().real(), tree.as_complex().imag());
      return {};
    case ValueKind::kString:
      if (!is_utf8(tree.text(), /*allow_surrogates=*/true)) {
        return unsupported("this text is not UTF-8", "Save it as Tree::bytes.");
      }
      remember(tree, pickle_.text(tree.text()));
      return {};
    case ValueKind::kBytes: remember(tree, pickle_.bytes(bytes)); return {};
    case ValueKind::kByteArray: remember(tree, pickle_.byte_array(bytes)); return {};
    case ValueKind::kDtype:
    case ValueKind::kQScheme:
    case ValueKind::kClass:
    case ValueKind::kLayout: return write_global(tree);
    case ValueKind::kSize: return write_size(tree);
    case ValueKind::kDevice: return write_device(tree);
    default: return open(tree);
  }
}

Result<void> TreePickler::open(const Tree& tree) {
  switch (tree.kind()) {
    case ValueKind::kTuple:
      if (tree.items().empty()) return pickle_.close_tuple(0), Result<void>();
      pickle_.open_tuple(tree.items().size());
      return push(tree, Batches::Kind::kList);
    case ValueKind::kList:
      remember(tree, pickle_.empty_list());
      return push(tree, Batches::Kind::kList);
    case ValueKind::kDict:
      remember(tree, pickle_.empty_dict());
      return push(tree, Batches::Kind::kDict);
    case ValueKind::kOrderedDict:
      pickle_.global("collections", "OrderedDict");
      pickle_.close_tuple(0);
      remember(tree, pickle_.op(Opcode::kReduce).put());
      return push(tree, Batches::Kind::kIterated);
    case ValueKind::kCounter:
      pickle_.global("collections", "Counter");
      pickle_.empty_dict();
      return push(tree, Batches::Kind::kDict);
    case ValueKind::kSet:
      pickle_.global("builtins", "set");
      pickle_.empty_list();
      return push(tree, Batches::Kind::kList);
    default: break;
  }
  return unsupported(concat("a ", python_type_name(tree.kind()), " is not saved"),
                     "Save the parts of it that you need.");
}

Result<void> TreePickler::push(const Tree& tree, Batches::Kind kind) {
  if (frames_.size() >= limits_.max_depth) {
    return Error(ErrorKind::kLimit, Stage::kTorch,
                 concat("the tree is deeper than max_depth, ", limits_.max_depth,
                        ", or a tuple, set or Counter contains itself"));
  }
  const std::size_t count = tree.items().size() / (tree.is_mapping() ? 2 : 1);
  frames_.push_back({tree, Batches(kind, count), 0, false, {}});
  return {};
}

// Nothing that is not in the table gets into a file, whatever the tree holds.
Result<void> TreePickler::write_global(const Tree& tree) {
  if (tree.kind() == ValueKind::kLayout) {
    if (!is_layout(tree.text())) {
      return unsupported(concat("'", tree.text(), "' is no torch.layout"), "See torch.layout.");
    }
    tensors_.write_layout(tree.text());
    return {};
  }
  std::string_view module = "torch", name = tree.text();
  if (tree.kind() == ValueKind::kClass) {
    const auto line = std::min(name.find('\n'), name.size());
    module = name.substr(0, line);
    name.remove_prefix(std::min(line + 1, name.size()));
  }
  const auto global = find_global(module, name);
  if (!global || kind_of(*global) != tree.kind()) {
    return unsupported(concat("'", module, ".", name, "' is no ", python_type_name(tree.kind()),
                              " that torch.load accepts by default"),
                       "Save its name as a string.");
  }
  pickle_.global(module, name);
  return {};
}

Result<void> TreePickler::write_size(const Tree& tree) {
  std::vector<std::int64_t> sizes;
  for (const Tree& item : tree.items()) {
    if (item.kind() != ValueKind::kInt) {
      return unsupported("a torch.Size holds integers only", "Use a tuple.");
    }
    sizes.push_back(*item.as_int());
  }
  pickle_.global("torch", "Size");
  pickle_.integers(sizes);
  finish_call(tree);
  return {};
}

Result<void> TreePickler::write_device(const Tree& tree) {
  const Tree::Items& parts = tree.items();
  if (parts.empty() || !is_device_type(parts[0].text())) {
    return unsupported(concat("'", parts.empty() ? std::string_view() : parts[0].text(),
                              "' is no type of devices"),
                       "Use \"cpu\", \"cuda\", ...; the index is a number of its own.");
  }
  constexpr std::int64_t kMost = std::numeric_limits<c10::DeviceIndex>::max();
  const std::int64_t index = parts.size() > 1 ? parts[1].as_int().value_or(-1) : 0;
  if (index < 0 || index > kMost) {
    return unsupported(concat("the index of a device is ", index),
                       concat("Devices have indices from 0 to ", kMost, "."));
  }
  pickle_.global("torch", "device");
  pickle_.text(parts[0].text());
  if (parts.size() > 1) pickle_.integer(index);
  pickle_.close_tuple(parts.size());
  remember(tree, pickle_.op(Opcode::kReduce).put());
  return {};
}

// "..., under 'model.fc.weight'".
Error TreePickler::with_path(const Error& error) const {
  std::string path;
  for (const Frame& frame : frames_) {
    if (frame.next == 0 || frame.has_attributes) continue;
    const std::size_t at = frame.next - 1;
    if (!path.empty()) path += '.';
    if (path.size() > 1000) break;
    path +=
        frame.tree.is_mapping() ? key_text(frame.tree.items()[at - at % 2]) : std::to_string(at);
  }
  if (path.empty()) return error;
  return Error(error.kind(), error.stage(), concat("under '", path, "': ", error.problem()))
      .advise(error.advice());
}

}  // namespace

Result<PickledTree> pickle_tree(const Tree& tree, const Limits& limits) {
  TreePickler first(limits, {});
  HARDLOAD_TRY(first.run(tree));
  if (!first.storages().is_wrong()) {
    HARDLOAD_ASSIGN(std::string pickle, std::move(first).stop());
    return PickledTree{std::move(pickle), first.storages().storages()};
  }
  TreePickler second(limits, first.storages().untyped());
  HARDLOAD_TRY(second.run(tree));
  HARDLOAD_ASSIGN(std::string pickle, std::move(second).stop());
  return PickledTree{std::move(pickle), second.storages().storages()};
}

}  // namespace hardload
