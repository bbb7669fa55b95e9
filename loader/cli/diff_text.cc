#include "loader/cli/diff_text.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/cli/columns.h"
#include "loader/cli/shape_text.h"
#include "loader/cli/size_text.h"
#include "loader/cli/value_json.h"
#include "loader/cli/value_texts.h"

namespace hardload {
namespace {

constexpr std::size_t kShown = 20;  // tensors, and as many values
constexpr std::size_t kNameColumns = 76;
constexpr std::size_t kValueColumns = 30;

std::string number_text(double value, int digits) {
  char text[40];
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr;
  return std::string(text, end);
}

std::string number_text(Dtype dtype, long double value) {
  // Enough for a float32 to be told from its neighbours.
  if (info(dtype).is_floating || info(dtype).is_complex) {
    return number_text(static_cast<double>(value), dtype == Dtype::kFloat64 ? 17 : 9);
  }
  return value < 0 ? concat(static_cast<std::int64_t>(value))
                   : concat(static_cast<std::uint64_t>(value));
}

std::string element_text(Dtype dtype, const ElementValue& value) {
  std::string text = number_text(dtype, value.real);
  if (!info(dtype).is_complex) return text;
  const std::string imaginary = number_text(dtype, value.imaginary);
  return concat("(", text, imaginary.starts_with('-') ? "" : "+", imaginary, "j)");
}

std::string quantizer_text(const Manifest& manifest, const TensorSpec& tensor) {
  if (!tensor.is_quantized()) return "none";
  const QuantizerSpec& quantizer = manifest.quantizer(tensor);
  if (quantizer.is_per_channel) return concat("per channel of dimension ", quantizer.axis);
  return concat("scale ", number_text(quantizer.scale, 17), ", zero point ", quantizer.zero_point);
}

class DiffText {
 public:
  DiffText(const DiffSide& a, const DiffSide& b, const JsonWriter::Sink& out)
      : a_(a.manifest), b_(b.manifest), texts_a_(a_), texts_b_(b_), out_(out) {}

  void write(const TensorDifference& difference) {
    const Manifest& side = difference.a ? a_ : b_;
    const NamedTensor& named = side.named_tensors()[difference.a ? *difference.a : *difference.b];
    const std::string_view name = side.name(named);
    line("  ", name.empty() ? "the tensor" : shortened(escape_for_display(name), kNameColumns));
    if (!difference.a || !difference.b) {
      const TensorSpec& tensor = side.tensors()[named.tensor];
      line("    only in ", difference.a ? "A" : "B", ": ", to_string(tensor.dtype), " ",
           shape_text(side.shape(tensor)));
    }
    if (difference.path) {
      against("path", shortened(*texts_a_.path(named), kValueColumns),
              shortened(*texts_b_.path(b_.named_tensors()[*difference.b]), kValueColumns));
    }
    for (const TensorPair& pair : difference.pairs) write(pair);
  }

  void write(const ValuesDifference& values, const ValueDifference& difference) {
    std::string name;
    for (const ValueStep& step : values.path(difference)) {
      if (!name.empty()) name += '.';
      if (const auto* key = std::get_if<Value>(&step.place)) {
        const auto text = key->as_string();
        name += text ? std::string(*text) : (step.is_in_b ? texts_b_ : texts_a_).key(*key);
      } else if (const auto* index = std::get_if<std::uint64_t>(&step.place)) {
        append(name, *index);
      } else {
        name += *std::get_if<std::string_view>(&step.place);
      }
    }
    const std::string left = difference.a ? text_of(texts_a_, *difference.a) : "";
    const std::string right = difference.b ? text_of(texts_b_, *difference.b) : "";
    line("  ", name.empty() ? "the value" : shortened(escape_for_display(name), kNameColumns), ": ",
         left.empty()    ? "only in B: "
         : right.empty() ? "only in A: "
                         : "",
         left, left.empty() || right.empty() ? "" : " against ", right);
  }

 private:
  template <typename... Parts>
  void line(const Parts&... parts) {
    out_(concat(parts..., "\n"));
  }

  void against(std::string_view what, std::string_view a, std::string_view b) {
    line("    ", what, ": ", a, " against ", b);
  }

  void write(const TensorPair& pair) {
    const TensorSpec &a = a_.tensors()[pair.a], &b = b_.tensors()[pair.b];
    if (!pair.role.empty()) line("    of its ", pair.role, ":");
    if (pair.layout) against("layout", to_string(a.layout), to_string(b.layout));
    if (pair.dtype) against("dtype", to_string(a.dtype), to_string(b.dtype));
    if (pair.shape) against("shape", shape_text(a_.shape(a)), shape_text(b_.shape(b)));
    if (pair.quantizer) against("quantizer", quantizer_text(a_, a), quantizer_text(b_, b));
    if (pair.data) line("    only in ", a.is_meta() ? "B" : "A", ": the data");
    if (!pair.elements) return;
    const ElementsDifference& elements = *pair.elements;
    std::string first = concat("first at ", shape_text(elements.first));
    if (elements.has_values) {
      append(first, ": ", element_text(a.dtype, elements.first_a), " against ",
             element_text(b.dtype, elements.first_b));
    }
    line("    ", elements.differing, " of ", counted(elements.elements, "element"),
         elements.differing == 1 ? " differs; " : " differ; ", first);
    if (!elements.has_values) return;
    std::string apart;
    if (elements.one_nan != elements.differing) {
      append(apart, "largest difference: absolute ", number_text(elements.max_absolute, 6),
             ", relative ", number_text(elements.max_relative, 6));
    }
    if (elements.one_nan != 0) {
      append(apart, apart.empty() ? "" : "; ", elements.one_nan, " NaN on one side alone");
    }
    line("    ", apart);
  }

  static std::string text_of(ValueTexts& texts, Value value) {
    if (is_container(value)) return concat("a ", container_type(value), " of ", value.size());
    return shortened(texts.value(value), kValueColumns);
  }

  const Manifest &a_, &b_;
  ValueTexts texts_a_, texts_b_;
  const JsonWriter::Sink& out_;
};

std::string file_text(const DiffSide& side) {
  const Container& container = side.manifest.container();
  std::string text =
      concat(escape_for_display(side.source.name()), ": ", to_string(container.format()));
  if (const auto version = container.version()) append(text, ", version ", *version);
  return concat(text, ", ", counted(side.manifest.named_tensors().size(), "tensor"));
}

std::string verdict(const DiffSide& a, const Diff& found) {
  if (found.is_same()) {
    return concat("same: ", counted(a.manifest.named_tensors().size(), "tensor"), ", ",
                  counted(found.values.compared, "other value"));
  }
  const auto lacking = [&](auto side) {
    return std::count_if(found.tensors.begin(), found.tensors.end(),
                         [&](const TensorDifference& difference) { return !(difference.*side); });
  };
  return concat("different: ", counted(found.tensors.size(), "tensor"), " (",
                lacking(&TensorDifference::b), " only in A, ", lacking(&TensorDifference::a),
                " only in B), ", counted(found.values.found.size(), "other value"));
}

}  // namespace

void write_diff_text(const DiffSide& a, const DiffSide& b, const Diff& found,
                     const JsonWriter::Sink& out) {
  out(concat("A: ", file_text(a), "\nB: ", file_text(b), "\n"));
  DiffText text(a, b, out);
  const auto more = [&](std::size_t count, std::string_view what) {
    if (count <= kShown) return;
    out(concat("  ... and ", counted(count - kShown, what), " more (--format json has all)\n"));
  };
  for (std::size_t i = 0; i < std::min(found.tensors.size(), kShown); ++i) {
    text.write(found.tensors[i]);
  }
  more(found.tensors.size(), "tensor");
  for (std::size_t i = 0; i < std::min(found.values.found.size(), kShown); ++i) {
    text.write(found.values, found.values.found[i]);
  }
  more(found.values.found.size(), "value");
  out(verdict(a, found) + "\n");
}

}  // namespace hardload
