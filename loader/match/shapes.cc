#include "loader/match/shapes.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "loader/base/escape.h"
#include "loader/base/text.h"

namespace hardload {
namespace {

using Mismatch = MatchReport::Mismatch;
using Shape = std::vector<std::int64_t>;

constexpr std::size_t kLongestShown = 60;  // bytes of a key in the table
constexpr std::size_t kMostDims = 8;       // of a shape in the table

bool is_shape(const Mismatch& m) { return m.type.empty() && m.exception.empty(); }

bool is_equal_behind_first(const Shape& a, const Shape& b) {
  return a.size() == b.size() && !a.empty() && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
}

bool contains_any_of(std::string_view key, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return key.find(word) != key.npos; });
}

// The key without its last part.
std::string_view layer_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == key.npos ? std::string_view() : key.substr(0, dot);
}

// The first dimensions, where all shapes differ in nothing else and agree on them.
struct FirstDims {
  std::int64_t saved, model;
};
std::optional<FirstDims> common_first_dims(const std::vector<const Mismatch*>& shapes) {
  for (const Mismatch* m : shapes) {
    const bool alike = is_equal_behind_first(m->saved, m->model) &&
                       m->saved[0] == shapes[0]->saved[0] && m->model[0] == shapes[0]->model[0];
    if (!alike) return std::nullopt;
  }
  return FirstDims{shapes[0]->saved[0], shapes[0]->model[0]};
}

bool are_transposed(const std::vector<const Mismatch*>& shapes) {
  return std::all_of(shapes.begin(), shapes.end(), [](const Mismatch* m) {
    return m->saved.size() > 1 &&
           std::equal(m->saved.begin(), m->saved.end(), m->model.rbegin(), m->model.rend());
  });
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  const std::size_t count = std::min(shape.size(), kMostDims);
  for (std::size_t i = 0; i < count; ++i) append(text, i == 0 ? "" : ", ", shape[i]);
  return text + (count < shape.size() ? ", ...]" : "]");
}

std::string key_text(std::string_view key) {
  if (key.size() <= kLongestShown) return escape_for_display(key);
  return escape_for_display(key.substr(0, kLongestShown)) + "...";
}

std::vector<const Mismatch*> shapes_of(std::span<const Mismatch> mismatches) {
  std::vector<const Mismatch*> shapes;
  for (const Mismatch& m : mismatches) {
    if (is_shape(m)) shapes.push_back(&m);
  }
  return shapes;
}

}  // namespace

std::string likely_shape_cause(std::span<const Mismatch> mismatches) {
  const std::vector<const Mismatch*> shapes = shapes_of(mismatches);
  if (shapes.empty()) return {};
  if (are_transposed(shapes)) return "the weights were saved transposed";
  if (const auto dims = common_first_dims(shapes)) {
    const auto numbers = [&](std::string_view what) {
      return concat("the saved model has ", dims->saved, " ", what, ", this one ", dims->model);
    };
    const auto all_in = [&](std::initializer_list<std::string_view> words) {
      return std::all_of(shapes.begin(), shapes.end(),
                         [&](const Mismatch* m) { return contains_any_of(m->key, words); });
    };
    if (all_in({"pos_embed", "position", "wpe"})) return numbers("positions (sequence length)");
    if (all_in({"embed", "wte", "lm_head", "vocab", "decoder"})) {
      return numbers("words (size of the vocabulary)");
    }
    const bool one_layer = std::all_of(shapes.begin(), shapes.end(), [&](const Mismatch* m) {
      return layer_of(m->key) == layer_of(shapes[0]->key);
    });
    if (one_layer && shapes.size() <= 2) {
      const std::string_view layer = layer_of(shapes[0]->key);
      const std::string where = layer.empty() ? "" : concat(" in \"", key_text(layer), "\"");
      return numbers("outputs" + where) + " (number of classes)";
    }
  }
  return "the model has the same layers in other sizes than the one that was saved (width)";
}

std::string shape_table(std::span<const Mismatch> mismatches, std::size_t most) {
  const std::vector<const Mismatch*> shapes = shapes_of(mismatches);
  if (shapes.empty()) return {};
  std::vector<std::string> rows[3] = {{"key"}, {"in the file"}, {"in the model"}};
  const std::size_t count = std::min(most, shapes.size());
  for (std::size_t i = 0; i < count; ++i) {
    rows[0].push_back(key_text(shapes[i]->key));
    rows[1].push_back(shape_text(shapes[i]->saved));
    rows[2].push_back(shape_text(shapes[i]->model));
  }
  std::size_t widths[2] = {0, 0};
  for (int column = 0; column < 2; ++column) {
    for (const std::string& cell : rows[column]) {
      widths[column] = std::max(widths[column], cell.size());
    }
  }
  std::string text;
  for (std::size_t i = 0; i < rows[0].size(); ++i) {
    append(text, i == 0 ? "  " : "\n  ", rows[0][i],
           std::string(widths[0] - rows[0][i].size(), ' '), "  ", rows[1][i],
           std::string(widths[1] - rows[1][i].size(), ' '), "  ", rows[2][i]);
  }
  if (count < shapes.size()) append(text, "\n  ... and ", shapes.size() - count, " more");
  return text;
}

}  // namespace hardload
