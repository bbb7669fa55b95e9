#include "loader/container/tar.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/bytes/read_window.h"
#include "loader/container/record_name.h"

namespace hardload {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint64_t kBlock = 512;
// Zeros at the end: Python fills up to 10,240 bytes, other tools to what tapes like.
constexpr std::uint64_t kMostTail = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostName = 256;  // all that a header has room for
constexpr std::uint64_t kMostPax = std::uint64_t{64} << 10;

Error wrong(ErrorKind kind, std::uint64_t offset, std::string problem) {
  return Error(kind, Stage::kContainer, std::move(problem)).at(offset);
}

// A field of text that ends with its first NUL.
std::string_view text_of(std::string_view field) { return field.substr(0, field.find('\0')); }

// Octal digits, spaces around them, and a NUL.
std::optional<std::uint64_t> octal(std::string_view field) {
  field = text_of(field);
  const std::size_t begin = field.find_first_not_of(' ');
  if (begin == field.npos) return std::nullopt;
  field = field.substr(begin, field.find_last_not_of(' ') + 1 - begin);
  std::uint64_t value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, fault] = std::from_chars(field.data(), end, value, 8);
  return fault == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

struct Header {
  std::string name;
  std::uint64_t size;
  char type;
};

// The sum of all bytes, those of the sum itself taken for spaces.
std::uint64_t sum_of(std::string_view block) {
  constexpr std::size_t kSum = 148, kSumBytes = 8;
  std::uint64_t sum = kSumBytes * ' ';
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (i < kSum || i >= kSum + kSumBytes) sum += static_cast<std::uint8_t>(block[i]);
  }
  return sum;
}

Result<Header> parse_header(std::string_view block, std::uint64_t offset) {
  const std::string_view magic = block.substr(257, 8);
  if (magic != "ustar\00000"sv && magic != "ustar  \0"sv) {
    return wrong(ErrorKind::kContainer, offset, "a tar header should be here");
  }
  if (octal(block.substr(148, 8)) != sum_of(block)) {
    return wrong(ErrorKind::kContainer, offset, "the checksum of a tar header is wrong");
  }
  const auto size = octal(block.substr(124, 12));
  if (!size) return wrong(ErrorKind::kContainer, offset, "the size of a tar member is no number");
  Header header{std::string(text_of(block.substr(0, 100))), *size, block[156]};
  const std::string_view prefix = text_of(block.substr(345, 155));
  if (magic == "ustar\00000"sv && !prefix.empty()) header.name = concat(prefix, "/", header.name);
  return header;
}

std::string_view kind_of(char type) {
  switch (type) {
    case '1':
    case '2': return "a link";
    case '3':
    case '4':
    case '6': return "a device or pipe";
    case '5': return "a folder";
    case 'S': return "a file with holes";
    default: return "an entry that torch does not write";
  }
}

// "LENGTH KEY=VALUE\n", again and again. What is known here may follow; other keys could say that a
// member is something else. Returns the member's size, if it stands there.
Result<std::optional<std::uint64_t>> parse_pax(std::string_view text, std::uint64_t offset) {
  const auto malformed = [&] {
    return wrong(ErrorKind::kContainer, offset, "a pax header is malformed");
  };
  std::optional<std::uint64_t> size;
  while (!text.empty()) {
    std::size_t length = 0;
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<std::size_t>(stop - text.data());
    if (fault != std::errc() || length > text.size() || length < digits + 2 ||
        text[digits] != ' ' || text[length - 1] != '\n') {
      return malformed();
    }
    const std::string_view line = text.substr(digits + 1, length - digits - 2);
    text.remove_prefix(length);
    const std::size_t equals = line.find('=');
    if (equals == line.npos) return malformed();
    const std::string_view key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "size") {
      std::uint64_t number = 0;
      const char* end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, number);
      if (read.ec != std::errc() || read.ptr != end || size) return malformed();
      size = number;
      continue;
    }
    constexpr std::string_view kHarmless[] = {"mtime", "atime", "ctime", "uid",
                                              "gid",   "uname", "gname", "comment"};
    if (std::find(std::begin(kHarmless), std::end(kHarmless), key) == std::end(kHarmless)) {
      return wrong(
          ErrorKind::kUnsupported, offset,
          concat("a pax header sets '", key.substr(0, 100), "', which torch does not write"));
    }
  }
  return size;
}

// One pass over the blocks of the file.
class Reader {
 public:
  explicit Reader(const ByteSource& source) : window_(source), size_(source.size()) {}

  // The next member, or nullopt at the end of the archive.
  Result<std::optional<Record>> next(std::string& name) {
    HARDLOAD_ASSIGN(std::optional<Header> header, read_header());
    if (!header) return std::optional<Record>();
    std::optional<std::uint64_t> size;
    if (header->type == 'x') {
      if (header->size > kMostPax) {
        return wrong(ErrorKind::kContainer, header_at_, "a pax header is too long");
      }
      HARDLOAD_TRY(check_inside(header->size));
      HARDLOAD_ASSIGN(const auto text, window_.at(at_, static_cast<std::size_t>(header->size)));
      HARDLOAD_ASSIGN(size, parse_pax(Cursor::as_text(text), at_));
      HARDLOAD_TRY(skip(header->size));
      HARDLOAD_ASSIGN(header, read_header());
      if (!header) return wrong(ErrorKind::kContainer, at_, "no member follows a pax header");
    }
    if (header->type != '0' && header->type != '\0') {
      return wrong(ErrorKind::kUnsupported, header_at_,
                   concat("the tar holds ", kind_of(header->type), ", '",
                          header->name.substr(0, 100), "': it is no checkpoint of torch 0.1"))
          .advise("Unpack it if it holds a checkpoint, and load that.");
    }
    name = std::move(header->name);
    const std::uint64_t bytes = size.value_or(header->size);
    const Record record{.name = {},
                        .header_offset = header_at_,
                        .data_offset = at_,
                        .stored_bytes = bytes,
                        .bytes = bytes,
                        .crc32 = 0,
                        .flags = 0,
                        .compression = Compression::kStored};
    HARDLOAD_TRY(check_inside(bytes));
    HARDLOAD_TRY(skip(bytes));
    return std::optional(record);
  }

 private:
  Result<void> check_inside(std::uint64_t bytes) const {
    if (bytes <= size_ - at_) return {};
    return wrong(ErrorKind::kBounds, header_at_,
                 concat("a tar member has ", bytes, " bytes, but only ", size_ - at_, " follow"))
        .advise("The file is cut short: fetch it again.");
  }

  // A header; nullopt where zeros begin, which then go to the end of the file.
  Result<std::optional<Header>> read_header() {
    header_at_ = at_;
    if (size_ - at_ < kBlock) {
      return wrong(ErrorKind::kContainer, at_, "the tar ends without two blocks of zeros")
          .advise("The file is cut short: fetch it again.");
    }
    HARDLOAD_ASSIGN(const auto block, window_.at(at_, kBlock));
    if (std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; })) {
      const std::uint64_t tail = size_ - at_;
      if (tail < 2 * kBlock || tail > kMostTail) {
        return wrong(ErrorKind::kContainer, at_,
                     concat("the tar ends with ", tail, " bytes of zeros"));
      }
      HARDLOAD_TRY(check_zeros(tail));
      return std::optional<Header>();
    }
    HARDLOAD_ASSIGN(Header header, parse_header(Cursor::as_text(block), at_));
    at_ += kBlock;
    return std::optional(std::move(header));
  }

  // Goes behind content of so many bytes, which are there, and the zeros that fill its last block.
  Result<void> skip(std::uint64_t bytes) {
    at_ += bytes;
    const std::uint64_t fill = (kBlock - bytes % kBlock) % kBlock;
    if (fill > size_ - at_) {
      return wrong(ErrorKind::kContainer, at_, "the tar ends inside of a block")
          .advise("The file is cut short: fetch it again.");
    }
    HARDLOAD_TRY(check_zeros(fill));
    at_ += fill;
    return {};
  }

  Result<void> check_zeros(std::uint64_t count) {
    HARDLOAD_ASSIGN(const auto bytes, window_.at(at_, static_cast<std::size_t>(count)));
    const auto odd =
        std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
    if (odd == bytes.end()) return {};
    return wrong(ErrorKind::kContainer, at_ + static_cast<std::uint64_t>(odd - bytes.begin()),
                 "a byte of the tar belongs to no member");
  }

  ReadWindow window_;
  const std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::uint64_t header_at_ = 0;
};

}  // namespace

Result<TarArchive> TarArchive::open(const ByteSource& source) {
  TarArchive archive;
  Reader reader(source);
  while (true) {
    std::string name;
    HARDLOAD_ASSIGN(std::optional<Record> record, reader.next(name));
    if (!record) return archive;
    if (archive.members_.size() == kMaxMembers) {
      return wrong(ErrorKind::kUnsupported, record->header_offset,
                   concat("the tar has more than ", kMaxMembers,
                          " members: it is an archive of files, not a checkpoint of torch 0.1"))
          .advise("Unpack it and load the checkpoint inside.");
    }
    if (auto checked = check_record_name(name, kMostName, record->header_offset); !checked.ok()) {
      return std::move(checked).error();
    }
    if (archive.find(name) != nullptr) {
      return wrong(ErrorKind::kName, record->header_offset, "two members have one name")
          .in_record(name);
    }
    record->name = archive.names_.emplace_back(std::move(name));
    archive.members_.push_back(*record);
  }
}

const Record* TarArchive::find(std::string_view name) const {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const Record& record) { return record.name == name; });
  return found == members_.end() ? nullptr : &*found;
}

}  // namespace hardload
