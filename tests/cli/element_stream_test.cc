// stream_elements: in windows and blocks, the elements that for_each_block takes from the whole
// storage.

#include "loader/cli/element_stream.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/cli/elements.h"
#include "loader/cli/storage_bytes.h"
#include "loader/cli/storage_reader.h"
#include "loader/container/torch_archive_writer.h"
#include "loader/manifest/describe.h"
#include "loader/pickle/pickle_writer.h"
#include "loader/pickle/tensor_calls.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/string_sink.h"

namespace hardload {
namespace {

using testing::StringSink;
using testing::text_of;

// Compares both ways for each tensor of a file; how many there were.
std::size_t compare(const std::string& content) {
  const MemorySource source = testing::source_of(content);
  const auto manifest = describe(source, {});
  EXPECT_OK(manifest);
  if (!manifest.ok()) return 0;
  const Limits limits;
  StorageReader reader(source, *manifest, limits);
  std::size_t compared = 0;
  for (const TensorSpec& tensor : manifest->tensors()) {
    if (tensor.storage == TensorSpec::kNoStorage || tensor.is_quantized()) continue;
    const auto storage = read_storage(source, *manifest, tensor.storage, limits);
    EXPECT_OK(storage);
    std::string expected, streamed;
    EXPECT_OK(for_each_block(*manifest, tensor, storage->bytes(),
                             [&](std::span<const std::byte> part) { expected += text_of(part); }));
    EXPECT_OK(stream_elements(reader, tensor, [&](std::span<const std::byte> part) {
      streamed += text_of(part);
      return Result<void>();
    }));
    EXPECT_TRUE(streamed == expected) << source.name();
    ++compared;
  }
  return compared;
}

TEST(StreamElements, OfGoldenFiles) {
  std::size_t compared = 0;
  for (const std::string& path : testing::golden_files()) {
    compared += compare(testing::read_file(path));
  }
  EXPECT_GT(compared, 200u);
}

// One storage of floats, more than a window and a block, and views of it.
class Views {
 public:
  Views() : calls_(pickle_) {
    pickle_.empty_list();
    pickle_.op(Opcode::kMark);
  }

  void add(std::int64_t offset, std::vector<std::int64_t> sizes,
           std::vector<std::int64_t> strides) {
    TensorView view;
    view.offset = offset;
    view.sizes = sizes;
    view.strides = strides;
    calls_.strided(kFloats, Dtype::kFloat32, view);
  }

  // The storage's bytes, which torch reads, and does not write, under the name of another class.
  void add_bytes(std::int64_t offset, std::int64_t size) {
    pickle_.global("torch._utils", "_rebuild_tensor_v3");
    pickle_.open_tuple(7);
    calls_.write_storage(kFloats);
    pickle_.integer(offset);
    pickle_.integers({&size, 1});
    const std::int64_t one = 1;
    pickle_.integers({&one, 1});
    pickle_.boolean(false);
    pickle_.none();
    pickle_.global("torch", "uint8");
    pickle_.close_tuple(7);
    pickle_.op(Opcode::kReduce).put();
  }

  std::string archive(ByteOrder order) && {
    pickle_.op(Opcode::kAppends);
    const std::string pickle = std::move(pickle_).stop().value();
    std::string elements(kFloats.elements * sizeof(float), '\0');
    for (std::size_t i = 0; i < elements.size(); ++i) {
      elements[i] = static_cast<char>(i * 31 + i / 251);
    }
    StringSink sink;
    TorchArchiveWriter writer(sink, "views");
    EXPECT_OK(writer.begin(pickle, order));
    EXPECT_OK(writer.begin_storage(elements.size()));
    EXPECT_OK(writer.write(testing::as_bytes(elements)));
    EXPECT_OK(writer.end_storage());
    EXPECT_OK(writer.finish());
    return std::move(sink.content);
  }

 private:
  const StorageReference kFloats = {
      .number = 0, .elements = 1'500'000, .storage_class = "FloatStorage", .location = "cpu"};
  PickleWriter pickle_;
  TensorCalls calls_;
};

TEST(StreamElements, OfLargeStoragesInBothByteOrders) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    Views views;
    views.add(0, {1'500'000}, {1});         // whole
    views.add(7, {1'400'000}, {1});         // a part
    views.add(0, {1000, 1500}, {1, 1000});  // transposed: over a block
    views.add(3, {300, 1200}, {5000, 1});   // rows with gaps between them
    views.add(1, {2, 700'000}, {0, 2});     // expanded, stepped
    views.add(1'499'999, {5}, {0});         // the last one again and again
    views.add(4, {0, 3}, {3, 1});           // nothing
    if (order == ByteOrder::kBig) {
      views.add_bytes(3, 2'000'002);  // begins and ends inside of elements
    }
    EXPECT_EQ(compare(std::move(views).archive(order)), order == ByteOrder::kBig ? 8u : 7u);
  }
}

TEST(StreamElements, ComparesTheCrcOfWhatItReads) {
  for (const bool whole : {true, false}) {
    Views views;
    views.add(0, {whole ? 1'500'000 : 10}, {1});
    std::string content = std::move(views).archive(ByteOrder::kLittle);
    content[content.size() - 100'000] ^= 1;  // in the storage, behind the ten elements
    const MemorySource source = testing::source_of(content);
    const auto manifest = describe(source, {});
    ASSERT_OK(manifest);
    const Limits limits;
    StorageReader reader(source, *manifest, limits);
    EXPECT_ERROR(stream_elements(reader, manifest->tensors()[0],
                                 [](std::span<const std::byte>) { return Result<void>(); }),
                 ErrorKind::kChecksum);
  }
}

TEST(StreamElements, StopsWhereTheTakerFails) {
  Views views;
  views.add(0, {1'500'000}, {1});
  views.add(0, {1000, 1500}, {1, 1000});
  const std::string content = std::move(views).archive(ByteOrder::kLittle);
  const MemorySource source = testing::source_of(content);
  const auto manifest = describe(source, {});
  ASSERT_OK(manifest);
  const Limits limits;
  StorageReader reader(source, *manifest, limits);
  for (const TensorSpec& tensor : manifest->tensors()) {
    int calls = 0;
    const auto done = stream_elements(reader, tensor, [&](std::span<const std::byte>) {
      ++calls;
      return Result<void>(Error(ErrorKind::kCancelled, Stage::kCli, "enough"));
    });
    EXPECT_ERROR(done, ErrorKind::kCancelled);
    EXPECT_EQ(calls, 1);
  }
}

}  // namespace
}  // namespace hardload
