#include "loader/container/zip_cut.h"

#include <algorithm>
#include <optional>
#include <string>

#include "loader/base/cursor.h"
#include "loader/base/text.h"
#include "loader/base/utf8.h"
#include "loader/bytes/buffer.h"
#include "loader/container/zip_format.h"

namespace hardload::zip {
namespace {

constexpr std::uint64_t kBlock = 1 << 20;
constexpr std::uint64_t kFarthest = std::uint64_t{4} << 30;
// Torch's names are far shorter; a bound keeps the search linear in hostile files.
constexpr std::uint64_t kLongestName = 1024;
// A header may straddle two blocks.
constexpr std::uint64_t kOverlap = kLocalBytes + kLongestName;

struct Cut {
  std::uint64_t header_offset;
  std::string name;
  std::uint64_t data_offset;
};

// A local header at the start of `bytes` that belongs to this archive. Tensor data may contain the
// signature by chance or as a stored zip; the folder that all names share tells those apart.
std::optional<Cut> header_at(std::span<const std::byte> bytes, std::string_view folder) {
  const auto header = parse_local(bytes);
  if (!header || header->name_bytes > kLongestName) return std::nullopt;
  if (header->name_bytes > bytes.size() - kLocalBytes) return std::nullopt;
  const auto name = Cursor::as_text(bytes.subspan(kLocalBytes, header->name_bytes));
  if (name.empty() || !name.starts_with(folder) || !is_utf8(name, false)) return std::nullopt;
  if (header->method != kMethodStored && header->method != kMethodDeflated) return std::nullopt;
  return Cut{0, std::string(name), kLocalBytes + std::uint64_t{header->name_bytes} +
                                       header->extra_bytes};
}

std::optional<Cut> last_header_in(std::span<const std::byte> block, std::string_view folder) {
  const std::string_view text = Cursor::as_text(block);
  constexpr std::string_view kSignature("PK\x03\x04", 4);
  for (auto at = text.rfind(kSignature); at != text.npos;
       at = at == 0 ? text.npos : text.rfind(kSignature, at - 1)) {
    if (auto cut = header_at(block.subspan(at), folder)) {
      cut->header_offset = at;
      cut->data_offset += at;
      return cut;
    }
  }
  return std::nullopt;
}

std::optional<Cut> last_header(const ByteSource& source) {
  auto first = Buffer::read(source, 0, std::min(source.size(), kOverlap));
  if (!first.ok()) return std::nullopt;
  const auto head = header_at(first->bytes(), "");
  if (!head) return std::nullopt;
  const std::string folder = head->name.substr(0, head->name.find('/') + 1);

  std::uint64_t end = source.size();
  while (source.size() - end < kFarthest) {
    const std::uint64_t start = end > kBlock ? end - kBlock : 0;
    const std::uint64_t stop = std::min(source.size(), end + kOverlap);
    auto block = Buffer::read(source, start, stop - start);
    if (!block.ok()) return std::nullopt;
    if (auto cut = last_header_in(block->bytes(), folder)) {
      cut->header_offset += start;
      cut->data_offset += start;
      return cut;
    }
    if (start == 0) return std::nullopt;
    end = start;
  }
  return std::nullopt;
}

}  // namespace

Error explain_cut(const ByteSource& source) {
  std::string problem =
      concat("the zip file is cut short: it has ", source.size(), " bytes and no end record");
  constexpr std::string_view kAdvice =
      "The download or copy stopped early: fetch the file again and compare its size.";
  const auto cut = last_header(source);
  if (!cut) {
    return Error(ErrorKind::kContainer, Stage::kContainer, problem)
        .at(source.size())
        .advise(kAdvice);
  }
  const std::uint64_t present =
      source.size() > cut->data_offset ? source.size() - cut->data_offset : 0;
  append(problem, "; it stops after ", present, " bytes of this record, which begins at byte ",
         cut->header_offset, " of the file");
  return Error(ErrorKind::kContainer, Stage::kContainer, problem)
      .in_record(cut->name)
      .at(present)
      .advise(kAdvice);
}

}  // namespace hardload::zip
