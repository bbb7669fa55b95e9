#include "bench/gate/files.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string_view>

#include "loader/base/text.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/old_formats.h"
#include "tests/support/pickle_builder.h"
#include "tests/support/safetensors_builder.h"

namespace hardload::bench {
namespace {

using testing::PickleBuilder;

// The floats of all tensors. Small numbers, of which one byte in four is not random, so that they
// can be compressed, but not to nothing.
class Content {
 public:
  std::string next(std::size_t floats) {
    std::string bytes;
    bytes.reserve(floats * sizeof(float));
    for (std::size_t i = 0; i < floats; ++i) {
      state_ = state_ * 1664525u + 1013904223u;
      for (const unsigned shift : {8u, 16u, 24u}) bytes += static_cast<char>(state_ >> shift);
      bytes += '\x3c';
    }
    return bytes;
  }

 private:
  std::uint32_t state_ = 1;
};

// The pickle of the state dict, with what occurs more than once in the memo, as Python has it.
// `is_legacy`: storages say that they are no view of another one, as before torch 1.6.
class StateDictPickle {
 public:
  StateDictPickle(const Shape& shape, bool is_legacy, bool is_forbidden) {
    pickle_.ordered_dict().mark();
    for (std::size_t i = 0; i < shape.tensors; ++i) {
      pickle_.text(shape.name(i));
      global("torch._utils", "_rebuild_tensor_v2");
      pickle_.mark().mark();
      once("storage", [&] { pickle_.text("storage"); });
      global("torch", "FloatStorage");
      pickle_.text(std::to_string(i));
      once("cpu", [&] { pickle_.text("cpu"); });
      number(shape.floats);
      if (is_legacy) pickle_.none();
      pickle_.tuple().op('Q');
      number(0);
      number(shape.floats);
      pickle_.op(kTupleOfOne);
      number(1);
      pickle_.op(kTupleOfOne).boolean(false);
      global("collections", "OrderedDict");
      pickle_.empty_tuple().reduce().tuple().reduce();
    }
    if (is_forbidden) {
      pickle_.text("last").global("os", "system").mark().text("true").tuple().reduce();
    }
    pickle_.op('u');
  }

  std::string bytes() const { return pickle_.stop(); }

 private:
  static constexpr char kTupleOfOne = '\x85';

  // In as few bytes as Python's pickler takes.
  void number(std::size_t value) {
    if (value < 256) {
      pickle_.op('K').op(static_cast<char>(value));
    } else {
      pickle_.op('J').u32(static_cast<std::uint32_t>(value));
    }
  }
  template <typename Push>
  void once(const std::string& key, const Push& push) {
    const auto [entry, is_new] = memo_.emplace(key, memo_.size());
    if (is_new) {
      push();
      pickle_.put(static_cast<std::uint32_t>(entry->second));
    } else {
      pickle_.get(static_cast<std::uint32_t>(entry->second));
    }
  }
  void global(std::string_view module, std::string_view name) {
    once(concat(module, " ", name), [&] { pickle_.global(module, name); });
  }

  PickleBuilder pickle_;
  std::map<std::string, std::size_t> memo_;
};

std::string zip(const Shape& shape, bool is_deflated, bool is_forbidden) {
  testing::CheckpointBuilder builder;
  builder.pickle(StateDictPickle(shape, /*is_legacy=*/false, is_forbidden).bytes());
  Content content;
  for (std::size_t i = 0; i < shape.tensors; ++i) {
    builder.record("data/" + std::to_string(i), content.next(shape.floats),
                   {.deflate = is_deflated});
  }
  return builder.build();
}

}  // namespace

std::string Shape::name(std::size_t tensor) const { return concat("layers.", tensor, ".weight"); }

std::string zip_file(const Shape& shape) { return zip(shape, false, false); }
std::string deflated_zip_file(const Shape& shape) { return zip(shape, true, false); }
std::string forbidden_file(const Shape& shape) { return zip(shape, false, true); }

std::string legacy_file(const Shape& shape) {
  testing::StreamBuilder stream;
  stream.object(StateDictPickle(shape, /*is_legacy=*/true, /*is_forbidden=*/false).bytes());
  Content content;
  for (std::size_t i = 0; i < shape.tensors; ++i) {
    stream.storage(std::to_string(i), static_cast<std::int64_t>(shape.floats),
                   content.next(shape.floats));
  }
  return stream.build();
}

std::string safetensors_file(const Shape& shape) {
  std::string header = "{";
  std::string data;
  Content content;
  for (std::size_t i = 0; i < shape.tensors; ++i) {
    if (i > 0) header += ',';
    const std::size_t begin = data.size();
    data += content.next(shape.floats);
    header +=
        testing::member(shape.name(i), "F32", concat("[", shape.floats, "]"), begin, data.size());
  }
  return testing::safetensors(header + "}", data);
}

std::string write(const std::string& folder, const std::string& name, const std::string& content) {
  std::string path = folder + "/" + name;
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
  return path;
}

}  // namespace hardload::bench
