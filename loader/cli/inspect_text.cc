#include "loader/cli/inspect_text.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/cli/columns.h"
#include "loader/cli/name_tree.h"
#include "loader/cli/script_folders.h"
#include "loader/cli/shape_text.h"
#include "loader/cli/size_text.h"
#include "loader/cli/state_dicts.h"

namespace hardload {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kGap = 2;  // between columns, and for each level of the tree
constexpr std::size_t kSizeColumns = 9;
constexpr std::size_t kMostShapeColumns = 22;
constexpr std::size_t kMostDeviceColumns = 10;
constexpr std::size_t kMostDevices = 20;
constexpr std::size_t kMostStateDicts = 20;

struct Total {
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
};

class InspectText {
 public:
  InspectText(const Manifest& manifest, const Digests& digests, bool colour,
              const JsonWriter::Sink& out)
      : manifest_(manifest),
        digests_(digests),
        colour_(colour),
        out_(out),
        nodes_(name_tree(manifest)),
        rows_(name_rows(manifest, nodes_, digests.empty())) {}

  void write() {
    measure();
    for (const NameRow& row : rows_) write(row);
    write_totals();
    write_state_dicts();
    out_(text_);
  }

 private:
  const TensorSpec& tensor(const NamedTensor& named) const {
    return manifest_.tensors()[named.tensor];
  }

  std::string shape(const TensorSpec& tensor) const {
    std::string text = shape_text(manifest_.shape(tensor));
    if (tensor.is_sparse()) append(text, " ", to_string(tensor.layout));
    return shortened(text, kMostShapeColumns);
  }

  std::string device(const TensorSpec& tensor) const {
    return shortened(escape_for_display(manifest_.location(tensor)), kMostDeviceColumns);
  }

  // The label of a row, without the note in brackets.
  std::string label(const NameRow& row) const {
    const std::string text = escape_for_display(row.label(nodes_));
    return row.first == 0 && nodes_.size() == 1 && text.empty() ? "(the whole file)" : text;
  }

  // How many tensors a row stands for.
  std::string note(const NameRow& row) const {
    const NameNode& node = nodes_[row.last];
    const bool branch = node.named == NameNode::kBranch;
    if (row.count == 1 && !branch) return "";
    std::string text = " (";
    if (row.count > 1) append(text, row.count, branch ? " x " : " x");
    if (branch) append(text, counted(node.tensors, "tensor"));
    return text + ")";
  }

  std::size_t indent(const NameRow& row) const {
    return std::min(kGap * (row.depth + 1), deepest_indent_);
  }

  // Names get what the other columns leave, but no more than they need.
  void measure() {
    for (const NamedTensor& named : manifest_.named_tensors()) {
      const TensorSpec& spec = tensor(named);
      dtype_columns_ = std::max(dtype_columns_, to_string(spec.dtype).size());
      shape_columns_ = std::max(shape_columns_, shape(spec).size());
      device_columns_ = std::max(device_columns_, columns_of(device(spec)));
    }
    const std::size_t most =
        kWidth - dtype_columns_ - shape_columns_ - kSizeColumns - device_columns_ - 4 * kGap;
    name_columns_ = most;
    deepest_indent_ = most / 2;
    std::size_t need = 0;
    for (const NameRow& row : rows_) {
      if (nodes_[row.last].named == NameNode::kBranch) continue;
      need = std::max(need, indent(row) + columns_of(label(row)) + note(row).size());
      if (need >= most) return;
    }
    // Branches have the columns of dtype and shape, too.
    for (const NameRow& row : rows_) {
      if (nodes_[row.last].named != NameNode::kBranch) continue;
      const std::size_t columns = indent(row) + columns_of(label(row)) + note(row).size();
      const std::size_t others = dtype_columns_ + shape_columns_ + 2 * kGap;
      need = std::max(need, columns - std::min(columns, others));
      if (need >= most) return;
    }
    name_columns_ = need;
  }

  void write(const NameRow& row) {
    const NameNode& node = nodes_[row.last];
    const std::string size = padded_left(size_text(node.bytes * row.count), kSizeColumns);
    const bool branch = node.named == NameNode::kBranch;
    std::size_t columns = name_columns_;
    if (branch) columns += dtype_columns_ + shape_columns_ + 2 * kGap;
    text_.append(indent(row), ' ');
    columns -= indent(row);
    const std::string about = note(row);
    const std::string name =
        shortened(label(row), std::max<std::size_t>(5, columns - std::min(columns, about.size())));
    if (branch) {
      styled("1", name);
    } else {
      text_ += name;
    }
    const std::size_t used = columns_of(name) + about.size();
    styled("2", about);
    text_.append(columns - std::min(columns, used), ' ');
    if (branch) {
      append(text_, "  ", size, "\n");
    } else {
      const NamedTensor& named = manifest_.named_tensors()[node.named];
      const TensorSpec& spec = tensor(named);
      append(text_, "  ", padded(std::string(to_string(spec.dtype)), dtype_columns_), "  ",
             padded(shape(spec), shape_columns_), "  ", size, "  ");
      styled("2", device(spec));
      text_ += '\n';
      if (!digests_.empty()) {
        append(text_, "      sha256 ", digests_[named.tensor].value_or("-"), "\n");
      }
    }
    if (text_.size() > (64 << 10)) {
      out_(text_);
      text_.clear();
    }
  }

  void styled(std::string_view code, std::string_view text) {
    if (colour_ && !text.empty()) {
      append(text_, "\x1b[", code, "m", text, "\x1b[0m");
    } else {
      text_ += text;
    }
  }

  void write_totals() {
    std::map<std::string_view, Total> by_dtype, by_device;
    for (const NamedTensor& named : manifest_.named_tensors()) {
      const TensorSpec& spec = tensor(named);
      for (Total* total :
           {&by_dtype[to_string(spec.dtype)], &by_device[manifest_.location(spec)]}) {
        ++total->tensors;
        total->bytes += manifest_.nbytes(spec);
      }
    }
    write_totals("by dtype", by_dtype, by_dtype.size());
    write_totals("by device", by_device, kMostDevices);
  }

  void write_totals(std::string_view title, const std::map<std::string_view, Total>& totals,
                    std::size_t most) {
    if (totals.empty()) return;
    styled("1", title);
    text_ += '\n';
    std::size_t shown = 0;
    for (const auto& [name, total] : totals) {
      if (shown++ == most) {
        append(text_, "  ... and ", totals.size() - most, " more\n");
        break;
      }
      append(text_, "  ", padded(shortened(escape_for_display(name), 24), 16), "  ",
             padded_left(counted(total.tensors, "tensor"), 16), "  ",
             padded_left(size_text(total.bytes), kSizeColumns), "\n");
    }
  }

  void write_state_dicts() {
    const std::vector<NestedStateDict> dicts = find_state_dicts(manifest_);
    for (std::size_t i = 0; i < std::min(dicts.size(), kMostStateDicts); ++i) {
      append(text_, "state dict '", shortened(escape_for_display(dicts[i].path), 36),
             "': ", counted(dicts[i].tensors, "tensor"), ", ", size_text(dicts[i].bytes), "\n");
    }
    if (dicts.size() > kMostStateDicts) {
      append(text_, "... and ", dicts.size() - kMostStateDicts, " more state dicts\n");
    }
  }

  const Manifest& manifest_;
  const Digests& digests_;
  const bool colour_;
  const JsonWriter::Sink& out_;
  const std::vector<NameNode> nodes_;
  const std::vector<NameRow> rows_;
  std::size_t deepest_indent_ = 0, name_columns_ = 0, dtype_columns_ = 0, shape_columns_ = 0,
              device_columns_ = 0;
  std::string text_;
};

}  // namespace

void write_inspect_text(const Manifest& manifest, std::string_view file, const Digests& digests,
                        bool colour, const JsonWriter::Sink& out) {
  std::uint64_t bytes = 0;
  for (const StorageSpec& storage : manifest.storages()) bytes += storage.bytes;
  const Container& container = manifest.container();
  std::size_t shards = 0;
  for (const ShardFile& shard : container.shards()) shards += shard.name.empty() ? 0u : 1u;
  out(concat(escape_for_display(file), ": ", to_string(container.format()), ", ",
             shards == 0 ? "" : concat(counted(shards, "shard"), ", "),
             counted(manifest.named_tensors().size(), "tensor"), " in ",
             counted(manifest.storages().size(), "storage"), ", ", size_text(bytes), "\n"));
  if (const std::uint64_t following = container.following()) {
    out(concat("  (", following, " bytes of another checkpoint follow)\n"));
  }
  // Trainers leave whole configurations there; JSON shows all.
  constexpr std::size_t kKeyColumns = 24, kValueColumns = kWidth - kKeyColumns - 2 * kGap;
  for (const MetadataEntry& entry : container.metadata()) {
    out(concat("  ", shortened(escape_for_display(entry.key), kKeyColumns), ": ",
               shortened(escape_for_display(entry.value), kValueColumns), "\n"));
  }
  if (container.format() == Format::kTorchScript) {
    for (const std::string_view folder : kScriptFolders) {
      const FolderSize size = size_of_folder(container, folder);
      if (size.files == 0) continue;
      out(concat("  (", folder, ": ", counted(size.files, "file"), ", ", size_text(size.bytes),
                 ", not looked into)\n"));
    }
  }
  InspectText(manifest, digests, colour, out).write();
}

}  // namespace hardload
