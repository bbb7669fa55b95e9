#include "loader/manifest/manifest_pickler.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "loader/base/text.h"
#include "loader/manifest/manifest_tensors.h"
#include "loader/pickle/globals.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/pickle/value.h"

namespace hardload {
namespace {

Error unsupported(std::string problem, std::string_view advice) {
  return Error(ErrorKind::kUnsupported, Stage::kManifest, std::move(problem)).advise(advice);
}

// Whether kind and payload of `value` tell it from all other objects. Empty strings, bytes and
// tuples lie nowhere.
bool has_identity(Value value) {
  switch (value.kind()) {
    case ValueKind::kList:
    case ValueKind::kSet:
    case ValueKind::kDict:
    case ValueKind::kOrderedDict:
    case ValueKind::kCounter:
    case ValueKind::kByteArray:
    case ValueKind::kDevice: return true;
    case ValueKind::kComplex:
    case ValueKind::kSize:
    case ValueKind::kTuple:
    case ValueKind::kString:
    case ValueKind::kBytes: return value.slot().length > 0;
    default: return false;
  }
}

std::uint64_t identity_of(Value value) {
  constexpr int kKindBits = 5;
  return value.slot().payload << kKindBits | static_cast<std::uint64_t>(value.kind());
}

class ManifestPickler {
 public:
  ManifestPickler(const Manifest& manifest, const Limits& limits)
      : manifest_(manifest), limits_(limits), tensors_(pickle_, manifest) {}

  Result<PickledManifest> run() && {
    HARDLOAD_TRY(visit(manifest_.root()));
    while (!frames_.empty()) HARDLOAD_TRY(step());
    HARDLOAD_ASSIGN(std::string pickle, std::move(pickle_).stop());
    return PickledManifest{std::move(pickle), tensors_.storages()};
  }

 private:
  using Index = PickleWriter::Index;

  // An object whose parts are being written: the items of a container, or the state of a tensor.
  struct Frame {
    Value value;
    Batches batches;
    std::size_t count;  // of parts; a mapping's keys and values count
    std::size_t next = 0;
    bool has_attributes = false;

    std::size_t width() const { return value.is_mapping() ? 2 : 1; }
    bool is_batched() const {
      return value.kind() != ValueKind::kTuple && value.kind() != ValueKind::kTensor;
    }
    Value part(std::size_t i) const {
      if (value.kind() == ValueKind::kTensor) return *value.state();
      if (!value.is_mapping()) return value.item(i);
      return i % 2 == 0 ? value.key(i / 2) : value.item(i / 2);
    }
  };

  Result<void> step();
  Result<void> finish(Frame& frame);
  Result<void> visit(Value value);
  Result<void> write(Value value);
  Result<void> open(Value value);
  Result<void> push(Value value, Batches::Kind kind, std::size_t count);
  Result<void> write_global(Value value);
  void write_device(Value value);
  Result<void> write_tensor(Value value);
  // The last steps of `type(argument)`, whose argument was just written.
  void finish_call(Value value);
  void remember(Value value, Index index) {
    if (has_identity(value)) memo_.emplace(identity_of(value), index);
  }

  const Manifest& manifest_;
  const Limits& limits_;
  PickleWriter pickle_;
  ManifestTensors tensors_;
  std::vector<Frame> frames_;
  std::unordered_map<std::uint64_t, Index> memo_;
};

Result<void> ManifestPickler::step() {
  Frame& frame = frames_.back();
  if (pickle_.size() > limits_.max_pickle_bytes) {
    return Error(ErrorKind::kLimit, Stage::kManifest,
                 concat("the pickle is over max_pickle_bytes, ", limits_.max_pickle_bytes));
  }
  const std::size_t width = frame.width(), i = frame.next;
  const bool batched = frame.is_batched() && !frame.has_attributes;
  if (batched && i > 0 && i % width == 0) frame.batches.after(pickle_, i / width - 1);
  if (i == frame.count) return finish(frame);
  if (batched && i % width == 0) frame.batches.before(pickle_, i / width);
  ++frame.next;
  return visit(frame.part(i));  // may move the frame
}

Result<void> ManifestPickler::finish(Frame& frame) {
  const Value value = frame.value;
  switch (value.kind()) {
    case ValueKind::kTuple: {
      // A tuple that contains itself was written inside of itself, whole.
      const auto known = memo_.find(identity_of(value));
      if (known != memo_.end()) {
        pickle_.drop_tuple(value.size());
        pickle_.get(known->second);
      } else {
        remember(value, pickle_.close_tuple(value.size()));
      }
      break;
    }
    case ValueKind::kSet:
    case ValueKind::kCounter: finish_call(value); break;
    case ValueKind::kTensor: tensors_.close(value.number()); break;
    case ValueKind::kOrderedDict: {
      const auto attributes = value.attributes();
      if (!attributes) break;
      if (!frame.has_attributes) {
        frame.has_attributes = true;  // what comes next is finish() again
        return visit(*attributes);
      }
      pickle_.op(Opcode::kBuild);
      break;
    }
    default: break;
  }
  frames_.pop_back();
  return {};
}

void ManifestPickler::finish_call(Value value) {
  pickle_.close_tuple(1);
  remember(value, pickle_.op(Opcode::kReduce).put());
}

Result<void> ManifestPickler::visit(Value value) {
  if (!has_identity(value)) return write(value);
  const auto known = memo_.find(identity_of(value));
  if (known == memo_.end()) return write(value);
  pickle_.get(known->second);
  return {};
}

Result<void> ManifestPickler::write(Value value) {
  switch (value.kind()) {
    case ValueKind::kNone: pickle_.none(); return {};
    case ValueKind::kBool: pickle_.boolean(*value.as_bool()); return {};
    case ValueKind::kInt: pickle_.integer(*value.as_int()); return {};
    case ValueKind::kBigInt: pickle_.integer(value.bytes()); return {};
    case ValueKind::kFloat: pickle_.real(*value.as_float()); return {};
    case ValueKind::kComplex:
      remember(value, pickle_.complex(value.real(), value.imaginary()));
      return {};
    case ValueKind::kString: remember(value, pickle_.text(value.text())); return {};
    case ValueKind::kBytes: remember(value, pickle_.bytes(value.bytes())); return {};
    case ValueKind::kByteArray: remember(value, pickle_.byte_array(value.bytes())); return {};
    case ValueKind::kLayout: tensors_.calls().write_layout(value.text()); return {};
    case ValueKind::kDtype:
    case ValueKind::kQScheme:
    case ValueKind::kClass: return write_global(value);
    case ValueKind::kSize: {
      std::vector<std::int64_t> sizes;
      for (std::size_t i = 0; i < value.size(); ++i) {
        sizes.push_back(value.item(i).as_int().value_or(0));
      }
      remember(value, tensors_.calls().write_size(sizes));
      return {};
    }
    case ValueKind::kDevice: write_device(value); return {};
    case ValueKind::kTensor: return write_tensor(value);
    case ValueKind::kStorage: return tensors_.write_storage(value.number());
    default: return open(value);
  }
}

Result<void> ManifestPickler::open(Value value) {
  const std::size_t count = value.size();
  switch (value.kind()) {
    case ValueKind::kTuple:
      if (count == 0) return pickle_.close_tuple(0), Result<void>();
      pickle_.open_tuple(count);
      return push(value, Batches::Kind::kList, count);
    case ValueKind::kList:
      remember(value, pickle_.empty_list());
      return push(value, Batches::Kind::kList, count);
    case ValueKind::kDict:
      remember(value, pickle_.empty_dict());
      return push(value, Batches::Kind::kDict, 2 * count);
    case ValueKind::kOrderedDict:
      pickle_.global("collections", "OrderedDict");
      pickle_.close_tuple(0);
      remember(value, pickle_.op(Opcode::kReduce).put());
      return push(value, Batches::Kind::kIterated, 2 * count);
    case ValueKind::kCounter:
      pickle_.global("collections", "Counter");
      pickle_.empty_dict();
      return push(value, Batches::Kind::kDict, 2 * count);
    case ValueKind::kSet:
      pickle_.global("builtins", "set");
      pickle_.empty_list();
      return push(value, Batches::Kind::kList, count);
    default: break;
  }
  return unsupported(concat("the checkpoint holds a ", python_type_name(value.kind()),
                            " of a class that is not plain data, which is not written"),
                     "Save the parts of the checkpoint that you need.");
}

Result<void> ManifestPickler::push(Value value, Batches::Kind kind, std::size_t count) {
  if (frames_.size() >= limits_.max_depth) {
    return Error(ErrorKind::kLimit, Stage::kManifest,
                 concat("the tree is deeper than max_depth, ", limits_.max_depth,
                        ", or a tuple, set, Counter or tensor contains itself"));
  }
  frames_.push_back({value, Batches(kind, value.is_mapping() ? count / 2 : count), count});
  return {};
}

// Nothing that is not in the table gets into a file.
Result<void> ManifestPickler::write_global(Value value) {
  std::string_view module = "torch", name = value.text();
  if (value.kind() == ValueKind::kClass) {
    const auto line = std::min(name.find('\n'), name.size());
    module = name.substr(0, line);
    name.remove_prefix(std::min(line + 1, name.size()));
  }
  const auto global = find_global(module, name);
  if (!global || global->kind == GlobalKind::kUnlisted) {
    return unsupported(concat("'", module, ".", name, "' is no plain data, and is not written"),
                       "Save the parts of the checkpoint that you need.");
  }
  pickle_.global(module, name);
  return {};
}

void ManifestPickler::write_device(Value value) {
  pickle_.global("torch", "device");
  pickle_.text(value.item(0).text());
  if (value.size() > 1) pickle_.integer(value.item(1).as_int().value_or(0));
  pickle_.close_tuple(value.size());
  remember(value, pickle_.op(Opcode::kReduce).put());
}

Result<void> ManifestPickler::write_tensor(Value value) {
  const bool has_state = value.state().has_value();
  HARDLOAD_ASSIGN(const bool is_open, tensors_.write(value.number(), has_state));
  return is_open ? push(value, Batches::Kind::kList, 1) : Result<void>();
}

}  // namespace

Result<PickledManifest> pickle_manifest(const Manifest& manifest, const Limits& limits) {
  return ManifestPickler(manifest, limits).run();
}

}  // namespace hardload
