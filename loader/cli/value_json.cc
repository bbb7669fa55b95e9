#include "loader/cli/value_json.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "loader/base/utf8.h"
#include "loader/pickle/big_int.h"

namespace hardload {
namespace {

constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;  // in a double, which JSON means

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<int>(byte >> 4)];
    text += "0123456789abcdef"[std::to_integer<int>(byte & std::byte{15})];
  }
  return text;
}

void write_typed(JsonWriter& json, std::string_view type, std::string_view value) {
  json.begin_object().plain_key("$type").string(type).plain_key("value").string(value).end();
}

}  // namespace

void write_float(JsonWriter& json, double value) {
  if (std::isfinite(value)) {
    json.number(value);
  } else {
    write_typed(json, "float", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  }
}

void write_int(JsonWriter& json, std::int64_t value) {
  if (value >= -kLargestExact && value <= kLargestExact) {
    json.integer(value);
  } else {
    write_typed(json, "int", std::to_string(value));
  }
}

namespace {

std::string device_text(Value device) {
  std::string text(device.item(0).text());
  if (device.size() == 2) text += ":" + std::to_string(device.item(1).as_int().value_or(0));
  return text;
}

void write_storage(JsonWriter& json, const StorageSpec& storage) {
  json.begin_object().plain_key("$type").string("storage");
  json.plain_key("storage").string(storage.key);
  json.plain_key("dtype").string(to_string(storage.dtype));
  json.plain_key("nbytes").unsigned_integer(storage.bytes);
  json.plain_key("device").string(storage.location).end();
}

void write_scalar(JsonWriter& json, const Manifest& manifest, Value value) {
  switch (value.kind()) {
    case ValueKind::kNone: json.null(); break;
    case ValueKind::kBool: json.boolean(*value.as_bool()); break;
    case ValueKind::kInt: write_int(json, *value.as_int()); break;
    case ValueKind::kBigInt: write_typed(json, "int", big_int_text(value.bytes())); break;
    case ValueKind::kFloat: write_float(json, *value.as_float()); break;
    case ValueKind::kComplex:
      json.begin_object().plain_key("$type").string("complex").plain_key("value").begin_array();
      write_float(json, value.real());
      write_float(json, value.imaginary());
      json.end().end();
      break;
    case ValueKind::kString: json.string(value.text()); break;
    case ValueKind::kBytes: write_typed(json, "bytes", hex(value.bytes())); break;
    case ValueKind::kByteArray: write_typed(json, "bytearray", hex(value.bytes())); break;
    case ValueKind::kDtype: write_typed(json, "torch.dtype", value.text()); break;
    case ValueKind::kQScheme: write_typed(json, "torch.qscheme", value.text()); break;
    case ValueKind::kLayout: write_typed(json, "torch.layout", value.text()); break;
    case ValueKind::kDevice: write_typed(json, "torch.device", device_text(value)); break;
    case ValueKind::kClass: {
      std::string name(value.text());
      std::replace(name.begin(), name.end(), '\n', '.');
      constexpr std::string_view kOldBuiltins = "__builtin__.";  // their name in Python 2
      if (name.starts_with(kOldBuiltins)) name.replace(0, kOldBuiltins.size(), "builtins.");
      write_typed(json, "class", name);
      break;
    }
    case ValueKind::kStorage: write_storage(json, manifest.storages()[value.number()]); break;
    default: json.begin_object().plain_key("$type").string("tensor").end(); break;
  }
}

enum class Form { kArray, kTypedArray, kObject, kPairs, kInert, kScript };

Form form_of(Value value) {
  if (value.kind() == ValueKind::kInert) return Form::kInert;
  if (value.kind() == ValueKind::kScript) return Form::kScript;
  if (!value.is_mapping()) {
    return value.kind() == ValueKind::kList ? Form::kArray : Form::kTypedArray;
  }
  if (value.kind() == ValueKind::kCounter) return Form::kPairs;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto key = value.key(i).as_string();
    if (!key || *key == "$type") return Form::kPairs;
    // In Python two surrogates are another key than the character that they mean; in JSON they are
    // one name. (Tensors are left out.)
    const bool is_shown = value.item(i).kind() != ValueKind::kTensor;
    if (is_shown && !is_utf8(*key, /*allow_surrogates=*/false)) return Form::kPairs;
  }
  return Form::kObject;
}

}  // namespace

bool is_container(Value value) {
  return value.is_mapping() || value.is_sequence() || value.kind() == ValueKind::kSet ||
         value.kind() == ValueKind::kInert || value.kind() == ValueKind::kScript;
}

bool has_identity(Value value) {
  return value.is_mapping() || value.kind() == ValueKind::kList ||
         value.kind() == ValueKind::kSet || value.kind() == ValueKind::kInert ||
         value.kind() == ValueKind::kScript;
}

std::string_view container_type(Value value) {
  if (value.kind() == ValueKind::kOrderedDict) return "dict";
  if (value.kind() == ValueKind::kCounter) return "Counter";
  if (value.kind() == ValueKind::kInert) return "object";
  return python_type_name(value.kind());
}

namespace {

class TreeWriter {
 public:
  // A key is hashable, so that tuples are the only containers in it; but for inert and script
  // objects, which may contain the dict whose key they are. Of the first a key shows no more than
  // the arguments, of the second no more than the class.
  TreeWriter(JsonWriter& json, const Manifest& manifest, bool is_key = false)
      : json_(json), manifest_(manifest), is_key_(is_key) {}

  void write(Value root) {
    begin(root);
    while (!open_.empty()) {
      Frame& frame = open_.back();
      const bool inert = frame.form == Form::kInert;
      const bool script = frame.form == Form::kScript;
      if (frame.next == (inert ? kInertParts : script ? 1 : frame.value.size())) {
        close();
        continue;
      }
      const std::size_t i = frame.next++;
      if (inert) {
        const Value part = frame.value.part(static_cast<InertPart>(i));
        if (part.kind() == ValueKind::kNone) continue;
        json_.plain_key(kInertKeys[i]);
        begin(part);
        continue;
      }
      if (script) {
        json_.plain_key("state");
        begin(frame.value.part(InertPart::kState));
        continue;
      }
      const Value child = frame.value.item(i);
      if (frame.form == Form::kObject) {
        if (child.kind() == ValueKind::kTensor) continue;
        json_.key(frame.value.key(i).text());
      } else if (frame.form == Form::kPairs) {
        if (child.kind() == ValueKind::kTensor) continue;
        json_.begin_array();
        TreeWriter(json_, manifest_, /*is_key=*/true).write(frame.value.key(i));
        frame.closes_pair = true;
      }
      begin(child);
    }
  }

 private:
  struct Frame {
    Value value;
    Form form;
    std::size_t next = 0;
    bool closes_pair = false;  // a [key, value] array is open around the child
  };

  void begin(Value value) {
    if (is_key_ && value.kind() == ValueKind::kScript) {
      begin_script(value);
      json_.end();
      close_pair();
      return;
    }
    if (is_key_ && value.kind() == ValueKind::kInert) {
      write_inert_key(value);
      close_pair();
      return;
    }
    if (!is_container(value)) {
      write_scalar(json_, manifest_, value);
      close_pair();
      return;
    }
    if (has_identity(value) && !identities_.insert(value.identity()).second) {  // inside itself
      json_.begin_object().plain_key("$type").string("cycle").end();
      close_pair();
      return;
    }
    const Form form = form_of(value);
    if (form == Form::kObject) {
      json_.begin_object();
    } else if (form == Form::kInert) {
      json_.begin_object().plain_key("$type").string("object");
    } else if (form == Form::kScript) {
      begin_script(value);
    } else if (form == Form::kArray) {
      json_.begin_array();
    } else {
      json_.begin_object()
          .plain_key("$type")
          .string(container_type(value))
          .plain_key("items")
          .begin_array();
    }
    open_.push_back({value, form});
  }

  void begin_script(Value value) {
    std::string name(value.part(InertPart::kCallable).text());
    std::replace(name.begin(), name.end(), '\n', '.');
    json_.begin_object().plain_key("$type").string("script").plain_key("class").string(name);
  }

  void write_inert_key(Value value) {
    json_.begin_object().plain_key("$type").string("object");
    const Value callable = value.part(InertPart::kCallable);
    if (callable.kind() == ValueKind::kClass) {
      json_.plain_key(kInertKeys[0]);
      write_scalar(json_, manifest_, callable);
    }
    const Value arguments = value.part(InertPart::kArguments);
    json_.plain_key(kInertKeys[1]).begin_array();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (is_container(arguments.item(i))) continue;
      write_scalar(json_, manifest_, arguments.item(i));
    }
    json_.end().end();
  }

  void close() {
    const auto [value, form, next, closes_pair] = open_.back();
    if (has_identity(value)) identities_.erase(value.identity());
    open_.pop_back();
    json_.end();
    if (form == Form::kTypedArray || form == Form::kPairs) json_.end();
    close_pair();
  }

  void close_pair() {
    if (open_.empty() || !open_.back().closes_pair) return;
    json_.end();
    open_.back().closes_pair = false;
  }

  JsonWriter& json_;
  const Manifest& manifest_;
  const bool is_key_;
  std::vector<Frame> open_;
  std::unordered_set<std::size_t> identities_;  // of the containers among open_
};

}  // namespace

void write_value(JsonWriter& json, const Manifest& manifest, Value value) {
  TreeWriter(json, manifest).write(value);
}

void write_key(JsonWriter& json, const Manifest& manifest, Value key) {
  TreeWriter(json, manifest, /*is_key=*/true).write(key);
}

}  // namespace hardload
