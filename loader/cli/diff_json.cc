#include "loader/cli/diff_json.h"

#include "loader/cli/value_json.h"

namespace hardload {
namespace {

void write_dims(JsonWriter& json, std::span<const std::int64_t> dims) {
  json.begin_array();
  for (const std::int64_t dim : dims) json.integer(dim);
  json.end();
}

void write_number(JsonWriter& json, Dtype dtype, long double value) {
  if (info(dtype).is_floating || info(dtype).is_complex) {
    write_float(json, static_cast<double>(value));
  } else if (dtype == Dtype::kBool) {
    json.boolean(value != 0);
  } else if (value > 9223372036854775807.0L) {  // a uint64, of which int64 has no form
    json.begin_object().plain_key("$type").string("int").plain_key("value");
    json.string(std::to_string(static_cast<std::uint64_t>(value))).end();
  } else {
    write_int(json, static_cast<std::int64_t>(value));
  }
}

void write_element(JsonWriter& json, Dtype dtype, const ElementValue& value) {
  if (!info(dtype).is_complex) return write_number(json, dtype, value.real);
  json.begin_object().plain_key("$type").string("complex").plain_key("value").begin_array();
  write_number(json, dtype, value.real);
  write_number(json, dtype, value.imaginary);
  json.end().end();
}

class DiffWriter {
 public:
  DiffWriter(JsonWriter& json, const Manifest& a, const Manifest& b) : json_(json), a_(a), b_(b) {}

  void write(const TensorDifference& difference) {
    json_.begin_object().plain_key("name");
    const Manifest& side = difference.a ? a_ : b_;
    const NamedTensor& named = side.named_tensors()[difference.a ? *difference.a : *difference.b];
    json_.string(side.name(named)).plain_key("path");
    write_path(side, named);
    if (difference.path) {
      json_.plain_key("path_in_b");
      write_path(b_, b_.named_tensors()[*difference.b]);
    }
    if (difference.a && difference.b) {
      json_.plain_key("differences").begin_array();
      for (const TensorPair& pair : difference.pairs) write(pair);
      json_.end();
    } else {
      const TensorSpec& tensor = side.tensors()[named.tensor];
      json_.plain_key("only_in").string(difference.a ? "a" : "b");
      json_.plain_key("dtype").string(to_string(tensor.dtype)).plain_key("shape");
      write_dims(json_, side.shape(tensor));
    }
    json_.end();
  }

  void write(const ValuesDifference& values, const ValueDifference& difference) {
    json_.begin_object().plain_key("path").begin_array();
    for (const ValueStep& step : values.path(difference)) {
      if (const auto* key = std::get_if<Value>(&step.place)) {
        write_key(json_, step.is_in_b ? b_ : a_, *key);
      } else if (const auto* index = std::get_if<std::uint64_t>(&step.place)) {
        json_.unsigned_integer(*index);
      } else {
        json_.string(*std::get_if<std::string_view>(&step.place));
      }
    }
    json_.end();
    if (difference.a) write_side("a", a_, *difference.a);
    if (difference.b) write_side("b", b_, *difference.b);
    json_.end();
  }

 private:
  void write_path(const Manifest& side, const NamedTensor& named) {
    json_.begin_array();
    for (const Value& key : side.path(named)) write_key(json_, side, key);
    json_.end();
  }

  void write(const TensorPair& pair) {
    const TensorSpec &a = a_.tensors()[pair.a], &b = b_.tensors()[pair.b];
    json_.begin_object();
    if (!pair.role.empty()) json_.plain_key("part").string(pair.role);
    if (pair.dtype) {
      json_.plain_key("dtype").begin_array();
      json_.string(to_string(a.dtype)).string(to_string(b.dtype)).end();
    }
    if (pair.shape) {
      json_.plain_key("shape").begin_array();
      write_dims(json_, a_.shape(a));
      write_dims(json_, b_.shape(b));
      json_.end();
    }
    if (pair.layout) {
      json_.plain_key("layout").begin_array();
      json_.string(to_string(a.layout)).string(to_string(b.layout)).end();
    }
    if (pair.quantizer) {
      json_.plain_key("quantizer").begin_array();
      write_quantizer(a_, a);
      write_quantizer(b_, b);
      json_.end();
    }
    if (pair.data) json_.plain_key("on_meta").string(a.is_meta() ? "a" : "b");
    if (pair.elements) write(*pair.elements, a.dtype, b.dtype);
    json_.end();
  }

  void write_quantizer(const Manifest& side, const TensorSpec& tensor) {
    if (!tensor.is_quantized()) {
      json_.null();
      return;
    }
    const QuantizerSpec& quantizer = side.quantizer(tensor);
    json_.begin_object();
    if (quantizer.is_per_channel) {
      json_.plain_key("axis").integer(quantizer.axis);
    } else {
      json_.plain_key("scale");
      write_float(json_, quantizer.scale);
      json_.plain_key("zero_point").integer(quantizer.zero_point);
    }
    json_.end();
  }

  void write(const ElementsDifference& elements, Dtype a, Dtype b) {
    json_.plain_key("elements").begin_object();
    json_.plain_key("compared").unsigned_integer(elements.elements);
    json_.plain_key("differing").unsigned_integer(elements.differing);
    json_.plain_key("first");
    write_dims(json_, elements.first);
    if (elements.has_values) {
      json_.plain_key("first_values").begin_array();
      write_element(json_, a, elements.first_a);
      write_element(json_, b, elements.first_b);
      json_.end();
      json_.plain_key("max_absolute");
      write_float(json_, elements.max_absolute);
      json_.plain_key("max_relative");
      write_float(json_, elements.max_relative);
      json_.plain_key("nan_on_one_side").unsigned_integer(elements.one_nan);
    }
    json_.end();
  }

  void write_side(std::string_view side, const Manifest& manifest, Value value) {
    json_.plain_key(side);
    if (is_container(value)) {  // its content would be written for each place where it is
      json_.begin_object().plain_key("$type").string(container_type(value));
      json_.plain_key("length").unsigned_integer(value.size()).end();
    } else {
      write_value(json_, manifest, value);
    }
  }

  JsonWriter& json_;
  const Manifest &a_, &b_;
};

void write_file(JsonWriter& json, std::string_view side, const DiffSide& file) {
  const Container& container = file.manifest.container();
  json.plain_key(side).begin_object().plain_key("container");
  json.string(short_name(container.format()));
  if (const auto version = container.version()) {
    json.plain_key("format_version").unsigned_integer(*version);
  }
  json.plain_key("tensors").unsigned_integer(file.manifest.named_tensors().size()).end();
}

}  // namespace

void write_diff_json(const DiffSide& a, const DiffSide& b, const DiffOptions& options,
                     const Diff& found, const JsonWriter::Sink& out) {
  JsonWriter json(out);
  json.begin_object().plain_key("same").boolean(found.is_same());
  write_file(json, "a", a);
  write_file(json, "b", b);
  if (options.tolerance) {
    json.plain_key("rtol");
    write_float(json, options.tolerance->relative);
    json.plain_key("atol");
    write_float(json, options.tolerance->absolute);
  }
  DiffWriter writer(json, a.manifest, b.manifest);
  json.plain_key("tensors").begin_array();
  for (const TensorDifference& difference : found.tensors) {
    json.new_line();
    writer.write(difference);
  }
  json.end().new_line().plain_key("values").begin_array();
  for (const ValueDifference& difference : found.values.found) {
    json.new_line();
    writer.write(found.values, difference);
  }
  json.end().end().flush();
  out("\n");
}

}  // namespace hardload
