// A CRC field of 0 is believed where the archive's id was made with it, or where there is no id.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/container/zip_archive.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::source_of;

constexpr std::size_t kDigits = 20;
constexpr std::string_view kId = ".data/serialization_id";

const testing::RecordTweaks kZeroCrc = {
    .descriptor = [](testing::DescriptorFields& f) { f.crc32 = 0; },
    .central = [](testing::CentralFields& f) { f.crc32 = 0; }};

// The second half of an id: h ^= crc + 0x9e3779b9 + (h << 6) + (h >> 2), from 0, over the CRC
// fields of the records that are neither empty nor the id.
std::string id_half(const std::vector<std::uint32_t>& crcs) {
  std::uint64_t h = 0;
  for (const std::uint64_t crc : crcs) h ^= crc + 0x9e3779b9 + (h << 6) + (h >> 2);
  std::string digits;
  for (; h != 0; h /= 10) digits.insert(digits.begin(), static_cast<char>('0' + h % 10));
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::vector<std::uint32_t> crc_fields(std::string_view file) {
  const MemorySource source = source_of(file);
  const ZipArchive archive = ZipArchive::open(source, {}).value();
  std::vector<std::uint32_t> crcs;
  for (const Record& record : archive.records()) {
    if (record.bytes != 0 && !record.name.ends_with(kId)) crcs.push_back(record.crc32);
  }
  return crcs;
}

// A checkpoint whose records with CRCs to be zeroed are changed by `tweaks`.
CheckpointBuilder checkpoint(const testing::RecordTweaks& tweaks = {}, std::string zero = "zero") {
  return CheckpointBuilder()
      .pickle("pickle")
      .storage("0", std::move(zero))
      .record("data/1", "one", tweaks)
      .record("data/empty", "");
}

std::string right_half(const CheckpointBuilder& builder) {
  return id_half(crc_fields(builder.build()));
}

// `builder` with an id whose second half is `half`.
std::string with_half(CheckpointBuilder builder, const std::string& half) {
  return builder.record(std::string(kId), std::string(kDigits, '7') + half).build();
}

Result<TorchArchive> open(std::string_view file, bool verify_crc = true) {
  return TorchArchive::open(source_of(file), {}, verify_crc);
}

constexpr std::string_view kRemoved = "the record's CRC-32 was removed after the file was written";

TEST(AbsentCrcs, AreBelievedWhereTheIdAgrees) {  // C10
  const std::string file = with_half(checkpoint(kZeroCrc), right_half(checkpoint(kZeroCrc)));
  const auto archive = open(file);
  ASSERT_OK(archive);
  EXPECT_TRUE(archive->storage("1")->lacks_crc32());
  EXPECT_FALSE(archive->storage("0")->lacks_crc32());
}

TEST(AbsentCrcs, AreBelievedWhereThereIsNoId) {  // C10
  EXPECT_OK(open(checkpoint(kZeroCrc).build()));
}

TEST(AbsentCrcs, AreRefusedWhereTheIdWasMadeWithThem) {
  const std::string file = with_half(checkpoint(kZeroCrc), right_half(checkpoint()));
  EXPECT_ERROR(open(file), ErrorKind::kChecksum,
               "in record 'model/data/1' at byte 468 of the file: " + std::string(kRemoved));
  EXPECT_OK(open(file, /*verify_crc=*/false));
  EXPECT_OK(open(with_half(checkpoint(), right_half(checkpoint()))));
}

TEST(AbsentCrcs, AreRefusedWhereTheIdIsMalformed) {
  const std::string half = right_half(checkpoint(kZeroCrc));
  for (const std::string& id :
       {std::string(), half, half + half + "0", half + half.substr(1), std::string(40, '0'),
        std::string(20, '7') + half + "\n", "x" + half, std::string(19, '7') + half + " "}) {
    EXPECT_ERROR(open(checkpoint(kZeroCrc).record(std::string(kId), id).build()),
                 ErrorKind::kChecksum, kRemoved)
        << id;
  }
  EXPECT_OK(open(checkpoint(kZeroCrc).record(std::string(kId), half + half).build()));
}

TEST(AbsentCrcs, MakeAnOverlongIdALimit) {
  EXPECT_ERROR(open(checkpoint(kZeroCrc).record(std::string(kId), std::string(5000, '1')).build()),
               ErrorKind::kLimit, "in record 'model/.data/serialization_id'");
}

TEST(AbsentCrcs, HaveTheIdVerified) {
  const std::string id = std::string(kDigits, '7') + right_half(checkpoint(kZeroCrc));
  const auto with_id = [&](const testing::RecordTweaks& tweaks) {
    return open(checkpoint(kZeroCrc).record(std::string(kId), id, tweaks).build());
  };
  EXPECT_OK(with_id({}));
  EXPECT_ERROR(with_id({.descriptor = [](testing::DescriptorFields& f) { f.crc32 ^= 1; },
                        .central = [](testing::CentralFields& f) { f.crc32 ^= 1; }}),
               ErrorKind::kChecksum, "in record 'model/.data/serialization_id'");
}

TEST(AbsentCrcs, ChainInTheOrderOfTheDirectory) {
  const auto reordered = [](std::string file) {
    constexpr std::size_t kEntry = 46 + 12;
    const auto first = file.begin() + static_cast<std::ptrdiff_t>(file.rfind("model/data/0") - 46);
    const auto second = file.begin() + static_cast<std::ptrdiff_t>(file.rfind("model/data/1") - 46);
    std::swap_ranges(first, first + kEntry, second);
    return file;
  };
  const std::string half = id_half(crc_fields(reordered(checkpoint(kZeroCrc).build())));
  EXPECT_OK(open(reordered(with_half(checkpoint(kZeroCrc), half))));
  EXPECT_ERROR(open(with_half(checkpoint(kZeroCrc), half)), ErrorKind::kChecksum, kRemoved);
}

TEST(AbsentCrcs, LeaveTheIdUnreadWhereNoneIsAbsent) {
  EXPECT_OK(open(with_half(checkpoint(), "no number at all")));
}

TEST(AbsentCrcs, DoNotNeedTheIdsOwn) {
  CheckpointBuilder builder = checkpoint();
  const std::string id = std::string(kDigits, '7') + right_half(builder);
  EXPECT_OK(open(builder.record(std::string(kId), id, kZeroCrc).build()));
}

TEST(AbsentCrcs, AreBelievedForIdsWithLeadingZeros) {
  int padded = 0;
  for (int i = 0; i < 16; ++i) {
    // As many records as it takes for the half to have 64 bits.
    CheckpointBuilder builder = checkpoint(kZeroCrc, std::to_string(i));
    for (const char* key : {"2", "3", "4", "5", "6"}) builder.storage(key, "more");
    const std::string half = right_half(builder);
    padded += half[0] == '0';
    EXPECT_OK(open(with_half(builder, half)));
    std::string other = half;
    other[kDigits - 1] = other[kDigits - 1] == '0' ? '1' : '0';
    EXPECT_ERROR(open(with_half(builder, other)), ErrorKind::kChecksum, kRemoved);
  }
  EXPECT_GT(padded, 0);
  EXPECT_LT(padded, 16);
}

TEST(AbsentCrcs, HaveIdsByTheRealTorchAsDescribed) {
  int checked = 0;
  for (const std::string& path : testing::golden_archives()) {
    const std::string file = testing::read_file(path);
    const auto archive = open(file);
    ASSERT_OK(archive) << path;
    const Record* id = archive->zip().find(std::string(archive->folder()) + "/" + std::string(kId));
    ASSERT_NE(id, nullptr) << path;
    ASSERT_EQ(id->bytes, 2 * kDigits) << path;
    const auto digits = read_record(source_of(file), *id, {.limits = Limits{}});
    ASSERT_OK(digits) << path;
    EXPECT_EQ(digits->text().substr(kDigits), id_half(crc_fields(file))) << path;
    ++checked;
  }
  EXPECT_GE(checked, 60);
}

TEST(AbsentCrcs, OfTheRealTorchAreBelieved) {  // C10
  for (const char* name : {"saved_without_crc", "saved_without_data"}) {
    const std::string file = testing::read_file("data/golden/" + std::string(name) + ".pt");
    const auto archive = open(file);
    ASSERT_OK(archive);
    EXPECT_TRUE(archive->storage("0")->lacks_crc32()) << name;
  }
}

TEST(AbsentCrcs, AreRefusedInAnAlteredFileOfTheRealTorch) {
  std::string file = testing::read_file("data/golden/state_linear.pt");
  ASSERT_OK(open(file));
  const std::string name = "state_linear/data/0";
  const std::string zeros(4, '\0');
  const Record record = *ZipArchive::open(source_of(file), {}).value().find(name);
  file.replace(record.data_offset + record.bytes + 4, 4, zeros);  // in the descriptor
  constexpr std::size_t kNameInEntry = 46, kCrcInEntry = 16;
  file.replace(file.rfind(name) - kNameInEntry + kCrcInEntry, 4, zeros);
  EXPECT_ERROR(open(file), ErrorKind::kChecksum, kRemoved);
}

}  // namespace
}  // namespace hardload
