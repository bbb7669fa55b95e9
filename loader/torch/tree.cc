#include "loader/torch/tree.h"

#include <bit>

#include "loader/base/text.h"
#include "loader/torch/tree_node.h"

namespace hardload {

// Frees what is below without recursion, however deep that is.
Tree::Node::~Node() {
  std::vector<Items> doomed;
  doomed.push_back(std::move(items));
  doomed.back().push_back(std::move(attributes));
  while (!doomed.empty()) {
    if (doomed.back().empty()) {
      doomed.pop_back();
      continue;
    }
    const Tree last = std::move(doomed.back().back());
    doomed.back().pop_back();
    const auto* owned = std::get_if<std::shared_ptr<Node>>(&last.content_);
    if (owned == nullptr || *owned == nullptr || owned->use_count() != 1) continue;
    doomed.push_back(std::move((*owned)->items));
    doomed.back().push_back(std::move((*owned)->attributes));
  }
}

Tree::Tree(double value)
    : kind_(ValueKind::kFloat), content_(std::bit_cast<std::uint64_t>(value)) {}

Tree::Tree(ValueKind kind, Items items) : kind_(kind), content_(std::make_shared<Node>()) {
  node()->items = std::move(items);
}

Tree::Tree(ValueKind kind, Entries entries) : kind_(kind), content_(std::make_shared<Node>()) {
  for (auto& [key, value] : entries) add(std::move(key), std::move(value));
}

Tree Tree::whole(std::uint64_t bits, bool is_signed) {
  Tree tree;
  if (!is_signed && bits >> 63 != 0) {
    std::string digits(9, '\0');
    for (std::size_t i = 0; i < 8; ++i) digits[i] = static_cast<char>(bits >> (8 * i));
    return big_int(digits);
  }
  tree.kind_ = ValueKind::kInt;
  tree.content_ = bits;
  return tree;
}

// torch/nn/modules/module.py, state_dict: path -> {'version': number}.
Tree::Tree(const StateDict& state) : Tree(ordered_dict()) {
  Items& items = node()->items;
  items.reserve(2 * state.entries.size());
  for (const StateDict::Entry& entry : state.entries) {
    items.emplace_back(entry.key);
    items.emplace_back(entry.tensor);
  }
  if (state.versions.empty()) return;
  Tree metadata = ordered_dict();
  const Tree version = "version";  // one object, as in Python
  for (const StateDict::Version& of : state.versions) {
    metadata.add(of.path, dict({{version, of.version}}));
  }
  set_attributes(dict({{"_metadata", metadata}}));
}

Tree Tree::size(at::IntArrayRef sizes) {
  return {ValueKind::kSize, Items(sizes.begin(), sizes.end())};
}

Tree Tree::device(std::string_view type, std::optional<std::int64_t> index) {
  Tree device(ValueKind::kDevice, Items{type});
  if (index) device.node()->items.emplace_back(*index);
  return device;
}

Tree Tree::named_class(std::string_view module, std::string_view name) {
  return {ValueKind::kClass, concat(module, "\n", name)};
}

Tree Tree::parameter(at::Tensor data) {
  Tree tree(std::move(data));
  tree.is_parameter_ = true;
  return tree;
}

Tree Tree::storage(c10::Storage storage, c10::ScalarType type) {
  Tree tree;
  tree.kind_ = ValueKind::kStorage;
  tree.storage_type_ = type;
  tree.content_ = std::move(storage);
  return tree;
}

Tree Tree::reference(const Tree& container) {
  Tree tree = container;
  if (const auto node = container.node()) tree.content_ = std::weak_ptr<Node>(node);
  return tree;
}

void Tree::push_back(Tree item) {
  if (kind_ != ValueKind::kList && kind_ != ValueKind::kSet) return;
  if (const auto here = node()) here->items.push_back(std::move(item));
}

void Tree::add(Tree key, Tree value) {
  const auto here = node();
  if (!is_mapping() || here == nullptr) return;
  here->items.push_back(std::move(key));
  here->items.push_back(std::move(value));
}

void Tree::set_attributes(Tree dict) {
  if (kind_ != ValueKind::kOrderedDict) return;
  if (const auto here = node()) here->attributes = std::move(dict);
}

bool Tree::is_mapping() const {
  return kind_ == ValueKind::kDict || kind_ == ValueKind::kOrderedDict ||
         kind_ == ValueKind::kCounter;
}

std::optional<std::int64_t> Tree::as_int() const {
  if (kind_ != ValueKind::kInt && kind_ != ValueKind::kBool) return std::nullopt;
  return static_cast<std::int64_t>(std::get<std::uint64_t>(content_));
}

std::optional<double> Tree::as_float() const {
  if (kind_ != ValueKind::kFloat) return std::nullopt;
  return std::bit_cast<double>(std::get<std::uint64_t>(content_));
}

std::complex<double> Tree::as_complex() const {
  const auto* value = std::get_if<std::complex<double>>(&content_);
  return value != nullptr ? *value : std::complex<double>();
}

std::string_view Tree::text() const {
  const auto* text = std::get_if<std::shared_ptr<const std::string>>(&content_);
  return text != nullptr ? std::string_view(**text) : std::string_view();
}

at::Tensor Tree::tensor() const {
  const auto* tensor = std::get_if<at::Tensor>(&content_);
  return tensor != nullptr ? *tensor : at::Tensor();
}

c10::Storage Tree::storage() const {
  const auto* storage = std::get_if<c10::Storage>(&content_);
  return storage != nullptr ? *storage : c10::Storage();
}

const Tree::Items& Tree::items() const {
  static const Items none;
  const auto here = node();
  return here != nullptr ? here->items : none;
}

Tree Tree::attributes() const {
  const auto here = node();
  return here != nullptr ? here->attributes : Tree();
}

const void* Tree::identity() const {
  if (const auto* text = std::get_if<std::shared_ptr<const std::string>>(&content_)) {
    return text->get();
  }
  if (const auto* tensor = std::get_if<at::Tensor>(&content_)) return tensor->unsafeGetTensorImpl();
  return node().get();
}

bool Tree::is_expired() const {
  return std::holds_alternative<std::weak_ptr<Node>>(content_) && node() == nullptr;
}

std::shared_ptr<Tree::Node> Tree::node() const {
  if (const auto* owned = std::get_if<std::shared_ptr<Node>>(&content_)) return *owned;
  if (const auto* reference = std::get_if<std::weak_ptr<Node>>(&content_)) return reference->lock();
  return nullptr;
}

}  // namespace hardload
