#include "loader/container/zip_cut.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/bytes/buffer.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

// Torch's names are far shorter; a bound keeps hostile ones from filling a message.
constexpr std::uint64_t kLongestName = 1024;

struct Begun {
  std::string name;
  std::uint64_t data_offset;
  std::uint64_t stored_bytes;   // 0 where a descriptor behind the data says so
  bool has_descriptor;
};

class RecordChain {
 public:
  explicit RecordChain(const ByteSource& source) : source_(source), budget_(2 * source.size()) {}

  // Whether a record begins at `offset`; begun() is it.
  bool begins_at(std::uint64_t offset) {
    auto header = read_header(offset);
    if (!header) return false;
    begun_ = std::move(header);
    return true;
  }

  // The last record that began.
  const std::optional<Begun>& begun() const { return begun_; }

  // Where begun() ends, with its descriptor; nullopt where the file stops before.
  std::optional<std::uint64_t> end_of_data() {
    if (!begun_->has_descriptor) {
      const std::uint64_t end = begun_->data_offset + begun_->stored_bytes;
      return end <= source_.size() ? std::optional(end) : std::nullopt;
    }
    if (const auto end = find_descriptor()) return end;
    // An empty record has none.
    const bool next_follows = read_header(begun_->data_offset).has_value();
    return next_follows ? std::optional(begun_->data_offset) : std::nullopt;
  }

 private:
  // Up to `count` bytes at `offset`.
  std::optional<Buffer> read(std::uint64_t offset, std::uint64_t count) const {
    if (offset >= source_.size()) return std::nullopt;
    auto bytes = Buffer::read(source_, offset, std::min(count, source_.size() - offset));
    return bytes.ok() ? std::optional(*std::move(bytes)) : std::nullopt;
  }

  std::optional<Begun> read_header(std::uint64_t offset) const {
    const auto bytes = read(offset, kLocalBytes + kLongestName);
    const auto header = bytes ? parse_local(bytes->bytes()) : std::nullopt;
    if (!header || header->name_bytes > bytes->size() - kLocalBytes) return std::nullopt;
    const std::string_view name = bytes->text().substr(kLocalBytes, header->name_bytes);
    if (!is_utf8(name, /*allow_surrogates=*/false)) return std::nullopt;
    return Begun{std::string(name),
                 offset + kLocalBytes + header->name_bytes + header->extra_bytes,
                 header->stored_bytes, (header->flags & kFlagDescriptor) != 0};
  }

  // The end of the data descriptor of begun_: the first that declares as many bytes as lie in front
  // of it. Archives inside of tensors have descriptors, too, but of other sizes.
  std::optional<std::uint64_t> find_descriptor() {
    constexpr std::uint64_t kBlock = 1 << 20;
    constexpr std::uint64_t kLongest = 24;
    constexpr std::string_view kSignature("PK\x07\x08", 4);
    for (std::uint64_t start = begun_->data_offset; start < source_.size() && budget_ > 0;
         start += kBlock) {
      const auto block = read(start, kBlock + kLongest);
      if (!block) return std::nullopt;
      budget_ -= std::min<std::uint64_t>(budget_, block->size());
      for (auto at = block->text().find(kSignature); at < kBlock;
           at = block->text().find(kSignature, at + 1)) {
        const std::uint64_t size = start + at - begun_->data_offset;
        if (const auto length = descriptor_length(block->bytes().subspan(at), size)) {
          return start + at + *length;
        }
      }
    }
    return std::nullopt;
  }

  // 16 or 24 where `bytes` begin with a descriptor that declares `size`.
  static std::optional<std::uint64_t> descriptor_length(std::span<const std::byte> bytes,
                                                        std::uint64_t size) {
    Cursor narrow(bytes), wide(bytes);
    (void)narrow.take(8);
    (void)wide.take(8);
    if (narrow.read<std::uint32_t>() == size && narrow.read<std::uint32_t>()) return 16;
    if (wide.read<std::uint64_t>() == size && wide.read<std::uint64_t>()) return 24;
    return std::nullopt;
  }

  const ByteSource& source_;
  std::uint64_t budget_;  // of bytes to search, so that many records cannot make it quadratic
  std::optional<Begun> begun_;
};

}  // namespace

Error explain_cut(const ByteSource& source) {
  RecordChain chain(source);
  std::uint64_t offset = 0;
  bool is_whole = false;  // the record that begun last
  while (chain.begins_at(offset)) {
    const auto end = chain.end_of_data();
    is_whole = end.has_value();
    if (!end) break;
    offset = *end;
  }

  std::string problem =
      concat("the zip file is cut short: it has ", source.size(), " bytes and no end record");
  std::string_view record;
  const auto& begun = chain.begun();
  if (begun && !is_whole && source.size() > begun->data_offset) {
    record = begun->name;
    append(problem, "; it stops after ", source.size() - begun->data_offset,
           " bytes of this record");
  } else if (begun && !is_whole) {
    record = begun->name;
    append(problem, "; it stops before the first byte of this record");
  } else if (begun) {
    append(problem, "; it stops behind the record '", begun->name, "', which is whole");
  }
  return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem))
      .in_record(record)
      .at(source.size())
      .advise("The download or copy stopped early: fetch the file again and compare its size.");
}

}  // namespace hardload::zip
