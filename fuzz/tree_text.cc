#include "fuzz/tree_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/quantized/QTensorImpl.h>
#include <ATen/quantized/Quantizer.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/TensorOptions.h>

#include "loader/base/dtype.h"
#include "loader/torch/dtype_map.h"

namespace hardload::fuzz {
namespace {

using Numbers = std::vector<std::int64_t>;

std::string_view take(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return part;
}

Numbers take_numbers(std::string_view line) {
  Numbers numbers;
  while (!line.empty()) {
    const std::string_view word = take(line, ' ');
    std::int64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

// `number` as one of 0 to `end` - 1.
std::int64_t below(std::int64_t number, std::int64_t end) { return (number % end + end) % end; }

c10::Storage new_storage(std::int64_t bytes, bool is_meta) {
  const auto type = is_meta ? c10::DeviceType::Meta : c10::DeviceType::CPU;
  c10::Storage storage = c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), bytes, c10::GetAllocator(type), /*resizable=*/true);
  for (std::int64_t i = 0; i < bytes && !is_meta; ++i) {
    static_cast<unsigned char*>(storage.mutable_data())[i] = static_cast<unsigned char>(37 * i + 1);
  }
  return storage;
}

// Sizes and strides that stay inside of a storage.
struct Geometry {
  std::int64_t offset = 0;
  Numbers sizes, strides;

  explicit Geometry(const Numbers& numbers) {
    if (!numbers.empty()) offset = below(numbers[0], 500);
    for (std::size_t i = 1; i + 1 < numbers.size(); i += 2) {
      sizes.push_back(below(numbers[i], 20));
      strides.push_back(below(numbers[i + 1], 100));
    }
  }

  bool fits(std::uint64_t items) const {
    std::int64_t last = offset, count = 1;
    bool is_empty = false;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      last += (sizes[i] - 1) * strides[i];
      is_empty = is_empty || sizes[i] == 0;
      if (__builtin_mul_overflow(count, std::max<std::int64_t>(sizes[i], 1), &count)) return false;
    }
    return is_empty || static_cast<std::uint64_t>(last) < items;
  }
};

// The storage itself. Not an empty one: of several references to it, torch has the first decide
// what it holds.
std::optional<Tree> whole(c10::Storage storage, std::string_view line) {
  if (storage.nbytes() == 0) return std::nullopt;
  const auto dtype = dtype_named(line);
  return dtype ? Tree::storage(std::move(storage), scalar_type(*dtype))
               : Tree::storage(std::move(storage));
}

std::optional<Tree> view_of(c10::Storage storage, std::string_view line) {
  const auto dtype = dtype_named(take(line, ' '));
  const std::string_view flags = take(line, ' ');
  const Geometry geometry(take_numbers(line));
  const auto has = [&](char flag) { return flags.find(flag) != flags.npos; };
  if (!dtype || info(*dtype).per_item != 1) return std::nullopt;
  if (has('m')) storage = new_storage(0, /*is_meta=*/true);
  const DtypeInfo& about = info(*dtype);
  const std::uint64_t items = has('m') ? ~std::uint64_t{0} : storage.nbytes() / about.item_bytes;
  if (!geometry.fits(items)) return std::nullopt;

  const c10::ScalarType type = scalar_type(*dtype);
  const c10::DispatchKeySet keys(
      c10::computeDispatchKey(type, c10::Layout::Strided, storage.device()));
  const auto meta = c10::scalarTypeToTypeMeta(type);
  at::Tensor tensor;
  if (!about.is_quantized) {
    tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys, meta);
  } else if (has('m')) {
    return std::nullopt;
  } else {
    const bool by_channel = has('k') && !geometry.sizes.empty();
    const auto channels = by_channel ? at::ones({geometry.sizes[0]}, at::kDouble) : at::Tensor();
    tensor = at::detail::make_tensor<at::QTensorImpl>(
        std::move(storage), keys, meta,
        by_channel
            ? at::make_per_channel_affine_quantizer(channels, channels.to(at::kLong), 0, type)
            : at::make_per_tensor_affine_quantizer(0.25, 3, type));
  }
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(geometry.sizes, geometry.strides,
                                                      geometry.offset);
  if (has('c') && about.is_complex) tensor._set_conj(true);
  if (has('n') && (about.is_complex || about.is_floating)) tensor._set_neg(true);
  if (has('g') && (about.is_complex || about.is_floating)) tensor.set_requires_grad(true);
  return has('p') ? Tree::parameter(tensor) : Tree(tensor);
}

std::optional<Tree> sparse(std::string_view line) {
  const std::string_view name = take(line, ' ');
  Numbers shape = take_numbers(line);
  shape.resize(2);
  for (std::int64_t& size : shape) size = below(size, 5);
  const at::Tensor dense = at::arange(shape[0] * shape[1], at::kFloat).remainder(3).view(shape);
  if (name == "coo") return dense.to_sparse();
  if (name == "uncoalesced") return dense.to_sparse().transpose(0, 1);
  if (name == "csr") return dense.to_sparse_csr();
  if (name == "csc") return dense.to_sparse_csc();
  return std::nullopt;
}

class Reader {
 public:
  void read(std::string_view line) {
    const char kind = line.empty() ? ' ' : line[0];
    line.remove_prefix(std::min<std::size_t>(line.size(), 2));
    const Numbers numbers = take_numbers(line);
    if (kind == 'm') {
      const std::int64_t bytes = numbers.empty() ? 0 : below(numbers[0], 500);
      storages_.push_back(new_storage(bytes, /*is_meta=*/false));
    } else if (kind == '+' || kind == 'a' || kind == 'x') {
      if (!objects_.empty()) change(kind, numbers);
    } else if (auto object = make(kind, line, numbers)) {
      objects_.push_back(*std::move(object));
    }
  }

  Tree result() && {
    return objects_.size() == 1 ? std::move(objects_[0]) : Tree::list(std::move(objects_));
  }

 private:
  // One of `made`, which are some, counted from the last.
  template <typename T>
  static T& back(std::vector<T>& made, std::int64_t number) {
    const auto size = static_cast<std::int64_t>(made.size());
    return made[static_cast<std::size_t>(size - 1 - below(below(number, size) - 1, size))];
  }

  Tree::Items items(const Numbers& numbers) {
    Tree::Items items;
    for (std::size_t i = 0; i < numbers.size() && !objects_.empty(); ++i) {
      items.push_back(back(objects_, numbers[i]));
    }
    return items;
  }

  Tree::Entries entries(const Numbers& numbers) {
    Tree::Entries entries;
    for (std::size_t i = 0; i + 1 < numbers.size() && !objects_.empty(); i += 2) {
      entries.emplace_back(back(objects_, numbers[i]), back(objects_, numbers[i + 1]));
    }
    return entries;
  }

  std::optional<Tree> make(char kind, std::string_view line, const Numbers& numbers) {
    const auto number = [&](std::size_t i) { return i < numbers.size() ? numbers[i] : 0; };
    const auto real = [&](std::size_t i) { return std::bit_cast<double>(number(i)); };
    switch (kind) {
      case 'n': return Tree();
      case 'b': return Tree(number(0) != 0);
      case 'i': return Tree(number(0));
      case 'f': return Tree(real(0));
      case 'c': return Tree(std::complex(real(0), real(1)));
      case 'I': return Tree::big_int(line);
      case 's': return Tree(line);
      case 'y': return Tree::bytes(line);
      case 'Y': return Tree::byte_array(line);
      case 'l': return Tree::list(items(numbers));
      case 't': return Tree::tuple(items(numbers));
      case 'e': return Tree::set(items(numbers));
      case 'z': return Tree::size(numbers);
      case 'd': return Tree::dict(entries(numbers));
      case 'o': return Tree::ordered_dict(entries(numbers));
      case 'C': return Tree::counter(entries(numbers));
      case 'T': return Tree::dtype(line);
      case 'q': return Tree::qscheme(line);
      case 'L': return Tree::layout(line);
      case 'S': return sparse(line);
      case 'g': {
        const std::string_view module = take(line, ' ');
        return Tree::named_class(module, line);
      }
      case 'D': {
        const std::string_view type = take(line, ' ');
        return Tree::device(type, line.empty() ? std::nullopt : std::optional(number(1)));
      }
      case 'u':
      case 'v': {
        if (storages_.empty()) return std::nullopt;
        const c10::Storage& storage = back(storages_, number(0));
        take(line, ' ');
        return kind == 'u' ? whole(storage, line) : view_of(storage, line);
      }
      default: return std::nullopt;
    }
  }

  // Always by reference: what holds itself would never be freed.
  void change(char kind, const Numbers& numbers) {
    const auto other = [&](std::size_t i) {
      return i < numbers.size() ? Tree::reference(back(objects_, numbers[i])) : Tree();
    };
    Tree& changed = back(objects_, numbers.empty() ? 1 : numbers[0]);
    if (kind == 'a') changed.set_attributes(other(1));
    if (kind == '+') changed.push_back(other(1));
    if (kind == '+') changed.add(other(1), other(2));
    if (kind == 'x') objects_.erase(objects_.begin() + (&changed - objects_.data()));
  }

  Tree::Items objects_;
  std::vector<c10::Storage> storages_;
};

}  // namespace

Tree read_tree(std::string_view text) {
  Reader reader;
  while (!text.empty()) reader.read(take(text, '\n'));
  return std::move(reader).result();
}

}  // namespace hardload::fuzz
