// ZipWriter gives the bytes that torch gives, and what our own reader takes.

#include "loader/container/zip_writer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/base/cursor.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/container/zip_archive.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/string_sink.h"

namespace hardload {
namespace {

using testing::as_bytes;
using testing::read_file;
using testing::source_of;
using testing::StringSink;
using testing::text_of;

// Takes any amount of data and keeps only the structures, which are small writes.
struct CountingSink final : ByteSink {
  Result<void> write(std::span<const std::byte> bytes) override {
    if (bytes.size() < 4096) kept.emplace_back(position, text_of(bytes));
    position += bytes.size();
    return {};
  }
  std::uint64_t position = 0;
  std::vector<std::pair<std::uint64_t, std::string>> kept;
};

// What `path` holds, written again.
std::string rewritten(const std::string& path, std::uint64_t alignment) {
  const std::string content = read_file(path);
  const MemorySource source = source_of(content);
  const ZipArchive archive = ZipArchive::open(source, {}).value();
  const std::string_view first = archive.records()[0].name;
  const std::string folder(first.substr(0, first.find('/')));
  StringSink sink;
  ZipWriter zip(sink, folder, alignment);
  for (const Record& record : archive.records()) {
    const std::string_view name = record.name.substr(folder.size() + 1);
    if (name == "version" || name == ".data/serialization_id") continue;
    const Buffer bytes = read_record(source, record, {.limits = {}}).value();
    zip.add(name, bytes.bytes()).value();
  }
  zip.finish().value();
  return sink.content;
}

// Torch hashes the names with its standard library's hash, which is GNU's.
std::string without_name_hash(std::string content) {
#ifndef __GLIBCXX__
  const auto id = content.find(".data/serialization_id");
  if (id != std::string::npos) content.replace((id + 22 + 63) / 64 * 64, 20, 20, '?');
  for (std::size_t i = content.size() - 22; i > 46; --i) {  // its CRC, in the directory
    if (content.compare(i, 22, ".data/serialization_id") == 0) {
      return content.replace(content.rfind("PK\1\2", i) + 16, 4, "????");
    }
  }
#endif
  return content;
}

TEST(ZipWriter, GivesTheBytesOfTorch) {
  std::size_t compared = 0;
  for (const std::string& path : testing::golden_archives()) {
    const bool has_no_crc = path.find("saved_without_") != std::string::npos;
    if (has_no_crc) continue;  // these fields are 0, here they are right
    if (path.find("packed_again") != std::string::npos) continue;  // not by torch
    const bool pages = path.find("aligned_to_pages") != std::string::npos;
    EXPECT_TRUE(without_name_hash(rewritten(path, pages ? 4096 : 64)) ==
                without_name_hash(read_file(path)))
        << path;
    ++compared;
  }
  EXPECT_GE(compared, 80u);
}

TEST(ZipWriter, RecordsCanBeGivenPieceByPiece) {
  StringSink whole, pieces;
  const std::string content(3'000'000, 'x');
  ZipWriter one(whole, "m");
  ASSERT_OK(one.add("data/0", as_bytes(content)));
  ASSERT_OK(one.finish());
  ZipWriter many(pieces, "m");
  ASSERT_OK(many.begin("data/0", content.size()));
  for (std::size_t i = 0; i < content.size(); i += 7919) {
    ASSERT_OK(many.write(as_bytes(content.substr(i, 7919))));
  }
  ASSERT_OK(many.end());
  ASSERT_OK(many.finish());
  EXPECT_TRUE(whole.content == pieces.content);
}

TEST(ZipWriter, EveryRecordIsAligned) {
  for (std::uint64_t alignment = 16; alignment <= 32768; alignment *= 2) {
    ASSERT_TRUE(ZipWriter::is_alignment(alignment));
    StringSink sink;
    ZipWriter zip(sink, "m", alignment);
    for (std::size_t i = 0; i < 70; ++i) {
      ASSERT_OK(zip.add(std::string(i + 1, 'n'), as_bytes(std::string(i * 3, 'd'))));
    }
    ASSERT_OK(zip.finish());
    const MemorySource source = source_of(sink.content);
    const auto archive = ZipArchive::open(source, {});
    ASSERT_OK(archive);
    ASSERT_EQ(archive->records().size(), 72u);
    for (const Record& record : archive->records()) {
      EXPECT_EQ(record.data_offset % alignment, 0u) << record.name;
      EXPECT_LE(record.data_offset - record.header_offset, 2 * alignment + 200);
      EXPECT_OK(read_record(source, record, {.limits = {}}));
    }
  }
  for (const std::uint64_t alignment : {0u, 1u, 8u, 48u, 65u, 65536u}) {
    EXPECT_FALSE(ZipWriter::is_alignment(alignment)) << alignment;
  }
}

// Our own reader compares the chain only where a CRC is 0: so one is made so.
TEST(ZipWriter, TheIdHoldsTheChainOfTheCrcs) {
  StringSink sink;
  ZipWriter zip(sink, "m");
  ASSERT_OK(zip.add("data.pkl", as_bytes("N.")));
  ASSERT_OK(zip.add("empty", {}));
  // Four bytes whose CRC-32 is 0.
  ASSERT_OK(zip.add("data/0", as_bytes("\x9d\x0a\xd9\x6d")));
  ASSERT_OK(zip.finish());
  const MemorySource source = source_of(sink.content);
  const auto archive = TorchArchive::open(source, {}, true);
  ASSERT_OK(archive);
  const Record* record = archive->storage("0");
  ASSERT_NE(record, nullptr);
  EXPECT_TRUE(record->lacks_crc32());
  sink.content[archive->zip().find("m/.data/serialization_id")->data_offset + 39] ^= 1;
  const MemorySource wrong = source_of(sink.content);
  EXPECT_ERROR(TorchArchive::open(wrong, {}, true), ErrorKind::kChecksum);
}

TEST(ZipWriter, CallsHaveToFitTogether) {
  StringSink sink;
  ZipWriter zip(sink, "m");
  EXPECT_ERROR(zip.write(as_bytes("x")), ErrorKind::kContainer);
  EXPECT_ERROR(zip.end(), ErrorKind::kContainer);
  ASSERT_OK(zip.begin("a", 3));
  EXPECT_ERROR(zip.begin("b", 3), ErrorKind::kContainer);
  EXPECT_ERROR(zip.write(as_bytes("abcd")), ErrorKind::kContainer);
  ASSERT_OK(zip.write(as_bytes("ab")));
  EXPECT_ERROR(zip.end(), ErrorKind::kContainer);
  EXPECT_ERROR(zip.finish(), ErrorKind::kContainer);
  ASSERT_OK(zip.write(as_bytes("c")));
  ASSERT_OK(zip.end());
  EXPECT_ERROR(zip.add("a", {}), ErrorKind::kName, "already");
  EXPECT_ERROR(zip.add("../b", {}), ErrorKind::kName);
  EXPECT_ERROR(zip.add(std::string(70'000, 'n'), {}), ErrorKind::kLimit);
}

TEST(ZipWriter, HandsOnWhatTheSinkSays) {
  StringSink whole;
  ZipWriter zip(whole, "m");
  ASSERT_OK(zip.add("data.pkl", as_bytes("N.")));
  ASSERT_OK(zip.finish());
  for (std::size_t capacity = 0; capacity < whole.content.size(); ++capacity) {
    StringSink sink;
    sink.capacity = capacity;
    ZipWriter cut(sink, "m");
    Result<void> result = cut.add("data.pkl", as_bytes("N."));
    if (result.ok()) result = cut.finish();
    EXPECT_ERROR(result, ErrorKind::kIo, "the sink is full");
  }
}

// What torch 2.11 wrote for these five records in this order: uint8 tensors of 2^32 - 1 and 2^32 +
// 5 zeros, with a few bytes between them.
TEST(ZipWriter, RecordsAndPlacesOver4GiB) {
  CountingSink sink;
  ZipWriter zip(sink, "big64");
  const std::vector<std::byte> zeros(std::size_t{1} << 24);
  const auto add_zeros = [&](std::string_view name, std::uint64_t bytes) {
    ASSERT_OK(zip.begin(name, bytes));
    while (bytes > 0) {
      const std::size_t piece = std::min<std::uint64_t>(bytes, zeros.size());
      ASSERT_OK(zip.write(std::span(zeros).first(piece)));
      bytes -= piece;
    }
    ASSERT_OK(zip.end());
  };
  add_zeros("data/0", 0xFFFFFFFF);
  add_zeros("data/1", 32);
  add_zeros("data/2", 0);
  add_zeros("data/3", 0x100000005);
  ASSERT_OK(zip.finish());

  const auto starting_with = [&](std::string_view signature) {
    std::vector<std::pair<std::uint64_t, std::string>> found;
    for (const auto& [position, bytes] : sink.kept) {
      if (bytes.starts_with(signature)) found.emplace_back(position, bytes);
    }
    return found;
  };
  const auto headers = starting_with("PK\3\4");
  const auto descriptors = starting_with("PK\7\x08");
  ASSERT_EQ(headers.size(), 6u);
  ASSERT_EQ(descriptors.size(), 5u);
  const std::string big_size("\xff\xff\xff\xff\0\0\0\0", 8), none(8, '\0');
  // The local header says how large the record is, and 0 for what is stored.
  EXPECT_NE(headers[0].second.find(std::string("\1\0\x10\0", 4) + big_size + none),
            std::string::npos);
  EXPECT_EQ(descriptors[0].second.substr(8), big_size + big_size);
  // Small records behind 4 GiB have their place there, and a wide descriptor.
  EXPECT_NE(headers[1].second.find(std::string("\1\0\x08\0", 4)), std::string::npos);
  EXPECT_EQ(descriptors[1].second.size(), 24u);
  EXPECT_NE(headers[3].second.find(std::string("\1\0\x18\0", 4)), std::string::npos);
  for (const auto& [position, bytes] : headers) EXPECT_EQ((position + bytes.size()) % 64, 0u);
  // An empty record has no descriptor, and says so.
  EXPECT_EQ(headers[2].second.substr(6, 2), std::string("\0\x08", 2));
  // The directory, as our reader sees it.
  const auto directory = starting_with("PK\1\2");
  ASSERT_EQ(directory.size(), 1u);
  const std::string_view entry = directory[0].second;
  EXPECT_EQ(entry.substr(20, 8), std::string(8, '\xff'));
}

TEST(ArchiveFolder, IsTheNameWithoutItsLastExtension) {
  const std::pair<std::string, std::string> cases[] = {
      {"model.pth", "model"},
      {"runs/a.tar.gz", "a.tar"},
      {"a", "a"},
      {"d.d/a", "a"},
      {"d/a.", "a"},
      {"a\\b.pt", "b"},
      {"a b\n.pt", "a b\n"},
      {"a:b*.pt", "a:b*"},
      {"\x7f\x01.pt", "\x7f\x01"},
      {"\xc3\xbc.pt", "archive"},
      {"\xc3\xbc/a.pt", "archive"},
      // Torch refuses the first of these and makes folders like ".." for the others.
      {"d/.pt", "archive"},
      {"..pt", "archive"},
      {"...pt", "archive"},
  };
  for (const auto& [path, folder] : cases) EXPECT_EQ(archive_folder(path), folder) << path;
}

}  // namespace
}  // namespace hardload
