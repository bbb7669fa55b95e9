#include "loader/container/identify.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "loader/base/cursor.h"
#include "loader/base/escape.h"
#include "loader/base/text.h"
#include "loader/bytes/buffer.h"
#include "loader/container/safetensors_header.h"

namespace hardload {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint64_t kHeadBytes = 1024;
constexpr std::size_t kTarMagicOffset = 257;   // POSIX ustar header
constexpr std::size_t kMobileMagicOffset = 4;  // torch/csrc/jit/serialization/mobile_bytecode.fbs

struct Magic {
  std::string_view bytes;
  FileKind kind;
};

// The first that matches counts. Those of two bytes come last.
constexpr Magic kLongMagics[] = {
    {"PK\x05\x06"sv, FileKind::kZip},  // an archive without records
    {"version https://git-lfs.github.com/spec/"sv, FileKind::kLfsPointer},
    {"7z\xbc\xaf\x27\x1c"sv, FileKind::kOtherArchive},
    {"Rar!\x1a\x07"sv, FileKind::kOtherArchive},
    {"\xfd"
     "7zXZ\0"sv,
     FileKind::kOtherArchive},
    {"\x28\xb5\x2f\xfd"sv, FileKind::kOtherArchive},
    {"PYTORCH1"sv, FileKind::kPreview},
    {"\x89HDF\r\n\x1a\n"sv, FileKind::kHdf5},
    {"\x93NUMPY"sv, FileKind::kNumpy},
    {"GGUF"sv, FileKind::kGguf},
};
constexpr Magic kShortMagics[] = {
    {"\x1f\x8b"sv, FileKind::kGzip},   {"BZh"sv, FileKind::kOtherArchive},
    {"\x80\x02"sv, FileKind::kPickle}, {"\x80\x03"sv, FileKind::kPickle},
    {"\x80\x04"sv, FileKind::kPickle}, {"\x80\x05"sv, FileKind::kPickle},
};

// A legacy stream begins with a pickle of torch's magic number, 0x1950a86a20f9469cfc6c: PROTO, from
// protocol 4 on a FRAME, LONG1 of ten bytes.
bool is_legacy_stream(std::string_view text) {
  constexpr std::string_view kMagicNumber = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  constexpr std::size_t kProtoBytes = 2, kFrameBytes = 9;
  const auto follows = [&](std::size_t at) {
    return text.size() > at && text.substr(at).starts_with(kMagicNumber);
  };
  return text.starts_with('\x80') && (follows(kProtoBytes) || follows(kProtoBytes + kFrameBytes));
}

// Python's pickler of protocol 4 or 5, and the first thing that it writes of a Metadata: its class
// (torch/distributed/checkpoint/filesystem.py: finish).
bool is_distributed_metadata(std::string_view text) {
  constexpr std::string_view kClass =
      "\x8c\x25torch.distributed.checkpoint.metadata\x94\x8c\x08Metadata\x94\x93"sv;
  constexpr std::size_t kProtoBytes = 2, kFrameBytes = 9;
  return (text.starts_with("\x80\x04"sv) || text.starts_with("\x80\x05"sv)) &&
         text.size() > kProtoBytes + kFrameBytes &&
         text.substr(kProtoBytes + kFrameBytes).starts_with(kClass);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
         });
}

// An 8-byte little-endian length, and behind it what may be a JSON object of that length. A length
// that does not fit the file is one of a file that was cut short, unless no header is so long. The
// second character keeps a GGUF file of 123 tensors apart.
bool looks_like_safetensors(std::span<const std::byte> head, std::uint64_t size) {
  constexpr std::string_view kSpace = " \t\r\n";
  Cursor cursor(head);
  const auto length = cursor.read<std::uint64_t>();
  if (!length || *length < 2 || *length > std::max(size - 8, kMaxSafetensorsHeader)) return false;
  const std::string_view text = *cursor.take_text(cursor.remaining());
  if (text.empty()) return false;
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == text.npos) return text.size() < *length;
  if (text[start] != '{') return false;
  const std::size_t next = text.find_first_not_of(kSpace, start + 1);
  return next == text.npos || text[next] == '"' || text[next] == '}';
}

// A tar's first header, known by the sum of its bytes (POSIX ustar: the sum's own field, of octal
// digits, counts as spaces).
bool has_tar_header(std::string_view text) {
  constexpr std::size_t kHeader = 512, kSum = 148, kSumBytes = 8;
  if (text.size() < kHeader || !text.substr(kTarMagicOffset).starts_with("ustar")) return false;
  unsigned sum = 0, said = 0;
  for (std::size_t i = 0; i < kHeader; ++i) {
    const bool is_own = i >= kSum && i < kSum + kSumBytes;
    sum += static_cast<unsigned char>(is_own ? ' ' : text[i]);
    if (is_own && text[i] >= '0' && text[i] <= '7') {
      said = said * 8 + static_cast<unsigned>(text[i] - '0');
    }
  }
  return said == sum;
}

// Torch takes for a zip what begins as one, and tries a tar before its legacy stream: what is of
// two formats is what it is to torch.
FileKind kind_of(std::span<const std::byte> head, std::uint64_t size) {
  const std::string_view text = Cursor::as_text(head);
  if (text.empty()) return FileKind::kEmpty;
  if (text.starts_with("PK\x03\x04"sv)) return FileKind::kZip;
  if (has_tar_header(text)) return FileKind::kTar;
  if (looks_like_safetensors(head, size)) return FileKind::kSafetensors;
  for (const Magic& magic : kLongMagics) {
    if (text.starts_with(magic.bytes)) return magic.kind;
  }
  if ("PK\x03\x04"sv.starts_with(text)) return FileKind::kZip;  // cut inside of its signature
  if (is_legacy_stream(text)) return FileKind::kLegacyStream;
  if (is_distributed_metadata(text)) return FileKind::kDistributedMetadata;
  if (text.size() > kTarMagicOffset && text.substr(kTarMagicOffset).starts_with("ustar")) {
    return FileKind::kTar;
  }
  if (text.substr(std::min(kMobileMagicOffset, text.size())).starts_with("PTMF")) {
    return FileKind::kMobile;
  }
  for (const Magic& magic : kShortMagics) {
    if (text.starts_with(magic.bytes)) return magic.kind;
  }
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  const std::string_view trimmed = start == text.npos ? std::string_view() : text.substr(start);
  for (const std::string_view tag : {"<!doctype"sv, "<html"sv, "<?xml"sv}) {
    if (starts_with_ignoring_case(trimmed, tag)) return FileKind::kHtml;
  }
  if (trimmed.starts_with('{')) return FileKind::kJson;
  return FileKind::kUnknown;
}

// The value behind `key` in the lines of an LFS pointer.
std::string_view lfs_value(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == text.npos) return "?";
  const std::string_view value = text.substr(at + key.size());
  return value.substr(0, std::min(value.find('\n'), value.size()));
}

std::string first_bytes(std::string_view head) { return concat("'", head.substr(0, 16), "'"); }

}  // namespace

Result<FileKind> identify(const ByteSource& source) {
  HARDLOAD_ASSIGN(const Buffer head, Buffer::read(source, 0, std::min(source.size(), kHeadBytes)));
  return kind_of(head.bytes(), source.size());
}

Error explain_kind(const ByteSource& source, FileKind kind) {
  auto head = Buffer::read(source, 0, std::min(source.size(), kHeadBytes));
  if (!head.ok()) return std::move(head).error();
  const std::string_view text = head->text();
  const auto error = [](ErrorKind error_kind, std::string problem, std::string_view advice) {
    return Error(error_kind, Stage::kContainer, std::move(problem)).at(0).advise(advice);
  };
  constexpr std::string_view kResave =
      "Load it where it was made and save model.state_dict() with torch.save.";
  switch (kind) {
    case FileKind::kZip:
    case FileKind::kSafetensors:
    case FileKind::kLegacyStream: break;
    case FileKind::kEmpty:
      return error(ErrorKind::kTooShort, "the file is empty",
                   "The download or copy failed: fetch the file again.");
    case FileKind::kLfsPointer:
      return error(ErrorKind::kUnknownFormat,
                   concat("this is a Git LFS pointer, not the checkpoint: the real file has ",
                          lfs_value(text, "\nsize "), " bytes and oid ", lfs_value(text, "\noid ")),
                   "Run `git lfs pull` in the repository.");
    case FileKind::kHtml:
      return error(ErrorKind::kUnknownFormat, "this is a web page, not a checkpoint",
                   "The download link led to a page (a login or an error, perhaps): open the file "
                   "in a browser to see it.");
    case FileKind::kJson:
      return error(ErrorKind::kUnknownFormat, "this is a JSON text, not a checkpoint",
                   "If it is an error message of a server, fetch the file again; an index of "
                   "shards is loaded by its path, beside its shards.");
    case FileKind::kGzip:
      return error(ErrorKind::kUnsupported, "this is a gzip file", "Run gunzip on it first.");
    case FileKind::kOtherArchive:
      return error(ErrorKind::kUnsupported,
                   "this is a compressed archive (7z, rar, xz, bzip2 or zstd)", "Unpack it first.");
    case FileKind::kTar:
      return error(ErrorKind::kUnsupported,
                   "this is a tar file, but not one of torch 0.1: an archive of files",
                   "Unpack it and load the checkpoint inside.");
    case FileKind::kDistributedMetadata:
      return error(ErrorKind::kUnsupported,
                   "this is the .metadata of a torch.distributed.checkpoint, whose tensors are in "
                   "files beside it",
                   "Give its path, or that of its folder.");
    case FileKind::kPickle:
      return error(ErrorKind::kUnsupported,
                   "this is a plain Python pickle, not a file of torch.save", kResave);
    case FileKind::kPreview:
      return error(ErrorKind::kUnsupported, "this is an archive of a torch preview release",
                   kResave);
    case FileKind::kMobile:
      return error(ErrorKind::kUnsupported,
                   "this is a model for torch's lite interpreter, as a flatbuffer", kResave);
    case FileKind::kHdf5:
      return error(ErrorKind::kUnsupported, "this is an HDF5 file (Keras, perhaps)", kResave);
    case FileKind::kNumpy: return error(ErrorKind::kUnsupported, "this is a numpy array", kResave);
    case FileKind::kGguf: return error(ErrorKind::kUnsupported, "this is a GGUF file", kResave);
    case FileKind::kUnknown: break;
  }
  return error(ErrorKind::kUnknownFormat,
               concat("this is no format that is known here; it begins with ", first_bytes(text)),
               "Give a file written by torch.save, or a safetensors file.");
}

}  // namespace hardload
