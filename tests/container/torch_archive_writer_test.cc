// TorchArchiveWriter: the records of torch.save, in its order and at its places.

#include "loader/container/torch_archive_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/string_sink.h"

namespace hardload {
namespace {

using testing::as_bytes;
using testing::StringSink;

// The pickle and the storages of a file of torch, each in two pieces, are that file again.
TEST(TorchArchiveWriter, WritesTheFileThatTorchWrote) {
  const std::string content = testing::read_file("data/golden/state_linear.pt");
  const MemorySource source = testing::source_of(content);
  const auto archive = TorchArchive::open(source, {}, true);
  ASSERT_OK(archive);
  StringSink sink;
  TorchArchiveWriter writer(sink, "state_linear");
  const auto pickle = read_record(source, archive->pickle(), {.limits = {}});
  ASSERT_OK(pickle);
  EXPECT_OK(writer.begin(pickle->text(), ByteOrder::kLittle));
  for (const char* key : {"0", "1"}) {
    const auto storage = read_record(source, *archive->storage(key), {.limits = {}});
    ASSERT_OK(storage);
    EXPECT_OK(writer.begin_storage(storage->size()));
    EXPECT_OK(writer.write(storage->bytes().first(16)));
    EXPECT_OK(writer.write(storage->bytes().subspan(16)));
    EXPECT_OK(writer.end_storage());
  }
  EXPECT_OK(writer.finish());
  EXPECT_EQ(sink.content, content);
}

TEST(TorchArchiveWriter, SaysAlignmentAndByteOrder) {
  StringSink sink;
  TorchArchiveWriter writer(sink, "model", 4096);
  EXPECT_OK(writer.begin("\x80\x02N.", ByteOrder::kBig));
  EXPECT_OK(writer.begin_storage(2));
  EXPECT_OK(writer.write(as_bytes("ab")));
  EXPECT_OK(writer.end_storage());
  EXPECT_OK(writer.finish());
  const MemorySource source = testing::source_of(sink.content);
  const auto archive = TorchArchive::open(source, {}, true);
  ASSERT_OK(archive);
  EXPECT_EQ(archive->byte_order(), ByteOrder::kBig);
  EXPECT_EQ(archive->storage("0")->data_offset % 4096, 0u);
}

TEST(TorchArchiveWriter, AStorageHasTheBytesThatWereAnnounced) {
  StringSink sink;
  TorchArchiveWriter writer(sink, "model");
  EXPECT_OK(writer.begin("\x80\x02N.", ByteOrder::kLittle));
  EXPECT_OK(writer.begin_storage(2));
  EXPECT_ERROR(writer.end_storage(), ErrorKind::kContainer, "less is written");
  EXPECT_ERROR(writer.write(as_bytes("abc")), ErrorKind::kContainer, "more is written");
}

}  // namespace
}  // namespace hardload
