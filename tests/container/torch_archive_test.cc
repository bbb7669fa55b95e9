// TorchArchive opens archives with the records of torch.save, and says of others what they lack.

#include "loader/container/torch_archive.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "tests/container/other_tools.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload {
namespace {

using testing::CentralFields;
using testing::CheckpointBuilder;
using testing::source_of;
using testing::ZipBuilder;

Result<TorchArchive> open(std::string_view file, bool verify_crc = true) {
  return TorchArchive::open(source_of(file), {}, verify_crc);
}

std::string with_version(std::string text) {
  return CheckpointBuilder().record("version", std::move(text)).build();
}
std::string with_byte_order(std::string text) {
  return CheckpointBuilder().record("byteorder", std::move(text)).build();
}

const testing::RecordTweaks kWrongCrc = {
    .descriptor = [](testing::DescriptorFields& f) { f.crc32 ^= 1; },
    .central = [](CentralFields& f) { f.crc32 ^= 1; }};

TEST(TorchArchive, GivesTheRecordsOfACheckpoint) {
  auto opened = open(CheckpointBuilder()
                         .folder("best model")
                         .pickle("pickle")
                         .storage("0", "zero")
                         .storage("94120411", "pointer")
                         .build());
  ASSERT_OK(opened);
  const TorchArchive archive = *std::move(opened);
  EXPECT_EQ(archive.folder(), "best model");
  EXPECT_EQ(archive.version(), 3u);
  EXPECT_EQ(archive.byte_order(), ByteOrder::kLittle);
  EXPECT_EQ(archive.pickle().name, "best model/data.pkl");
  EXPECT_EQ(archive.pickle().bytes, 6u);
  ASSERT_NE(archive.storage("0"), nullptr);
  EXPECT_EQ(archive.storage("0")->name, "best model/data/0");
  ASSERT_NE(archive.storage("94120411"), nullptr);
  EXPECT_EQ(archive.storage("94120411")->bytes, 7u);
  for (const char* key : {"", "1", "00", "../data.pkl", "0/"}) {
    EXPECT_EQ(archive.storage(key), nullptr) << key;
  }
  EXPECT_EQ(archive.zip().records().size(), 6u);
}

TEST(TorchArchive, AcceptsRecordsThatItDoesNotKnow) {  // N08, N09
  const auto archive = open(CheckpointBuilder()
                                .pickle("pickle")
                                .record("other.pkl", "cos\nsystem\n.")
                                .record("data/evil.pkl", "cos\nsystem\n.")
                                .record(".data/unheard_of", "1")
                                .record(".storage_alignment", "64")
                                .record(".format_version", "2")
                                .build());
  ASSERT_OK(archive);
  EXPECT_EQ(archive->pickle().bytes, 6u);
}

TEST(TorchArchive, AcceptsAFolderThatLooksLikeADrive) {  // N01
  const auto archive = open(CheckpointBuilder().folder("a:b").build());
  ASSERT_OK(archive);
  EXPECT_EQ(archive->folder(), "a:b");
}

TEST(TorchArchive, OpensWhatAnotherToolRepacked) {
  const auto archive = open(ZipBuilder(0)
                                .add("m/", "", testing::by_other_tool(""))
                                .add("m/data/", "", testing::by_other_tool(""))
                                .add("m/data/0", "zero", testing::by_other_tool("zero", true))
                                .add("m/byteorder", "big", testing::by_other_tool("big", true))
                                .add("m/data.pkl", "pkl", testing::by_other_tool("pkl"))
                                .add("m/version", "3\n", testing::by_other_tool("3\n", true))
                                .build([](testing::EndFields& f) { f.zip64 = false; }));
  ASSERT_OK(archive);
  EXPECT_EQ(archive->folder(), "m");
  EXPECT_EQ(archive->version(), 3u);
  EXPECT_EQ(archive->byte_order(), ByteOrder::kBig);
  EXPECT_NE(archive->storage("0"), nullptr);
}

TEST(TorchArchive, RefusesRecordsOutsideOfOneFolder) {  // N05
  const std::string file = CheckpointBuilder().build();
  ASSERT_OK(open(file));
  EXPECT_ERROR(open(CheckpointBuilder().zip().add("readme", "x").build()), ErrorKind::kContainer,
               "in record 'readme'");
  EXPECT_ERROR(open(ZipBuilder().add("data.pkl", "x").add("version", "3").build()),
               ErrorKind::kContainer,
               "in record 'data.pkl' at byte 0 of the file: the record is in no folder");
  EXPECT_ERROR(open(ZipBuilder(0).add("a/data.pkl", "x").add("b/data.pkl", "x").build()),
               ErrorKind::kContainer,
               "in record 'b/data.pkl' at byte 57 of the file: the record is outside of the "
               "archive's folder 'a/'");
  EXPECT_ERROR(open(CheckpointBuilder().zip().add("model2/x", "x").build()), ErrorKind::kContainer,
               "in record 'model2/x'");
  EXPECT_ERROR(open(CheckpointBuilder().zip().add("mode/x", "x").build()), ErrorKind::kContainer,
               "in record 'mode/x'");
}

TEST(TorchArchive, RefusesArchivesWithoutRecords) {  // Z06
  EXPECT_ERROR(open(ZipBuilder().build()), ErrorKind::kContainer, "the archive holds no records");
}

TEST(TorchArchive, RefusesArchivesWithoutPickle) {  // N07
  EXPECT_ERROR(open(CheckpointBuilder().without("data.pkl").build()), ErrorKind::kContainer,
               "the zip file holds no model/data.pkl");
  for (const char* name : {"data.pkl/", "data/data.pkl", "data.pk"}) {  // Z24
    EXPECT_ERROR(open(CheckpointBuilder().without("data.pkl").record(name, "").build()),
                 ErrorKind::kContainer, "the zip file holds no model/data.pkl");
  }
}

// To torch, whose reader ignores case, these are the records that they look like.
TEST(TorchArchive, RefusesItsOwnRecordsInAnotherCase) {  // Z24
  EXPECT_ERROR(open(CheckpointBuilder().without("data.pkl").record("DATA.PKL", "").build()),
               ErrorKind::kName, "differs from 'data.pkl' in upper and lower case only");
  for (const char* name :
       {"BYTEORDER", "Version", ".DATA/version", ".data/Serialization_id", "Constants.pkl"}) {
    const CheckpointBuilder plain = CheckpointBuilder().without("byteorder").without("version");
    EXPECT_ERROR(open(CheckpointBuilder(plain).record(name, "x").build()), ErrorKind::kName,
                 "in upper and lower case only")
        << name;
  }
}

TEST(TorchArchive, TellsTorchScriptByItsConstants) {  // Z27
  const auto script = open(
      CheckpointBuilder().record("constants.pkl", "x").record("code/__torch__.py", "x").build());
  ASSERT_OK(script);
  EXPECT_EQ(script->format(), Format::kTorchScript);
  EXPECT_EQ(open(CheckpointBuilder().build())->format(), Format::kTorchZip);
  EXPECT_EQ(open(CheckpointBuilder().record("data/constants.pkl", "x").build())->format(),
            Format::kTorchZip);
  EXPECT_ERROR(open(CheckpointBuilder().without("data.pkl").record("constants.pkl", "x").build()),
               ErrorKind::kContainer, "the zip file holds no model/data.pkl");
}

TEST(TorchArchive, SaysThatItIsTorchScriptOfTorch10) {
  EXPECT_ERROR(open(CheckpointBuilder().without("data.pkl").record("model.json", "{}").build()),
               ErrorKind::kUnsupported, "which keeps its names in model.json");
}

TEST(TorchArchive, TellsByTheOrderOfItsRecordsWhoWroteThePickle) {
  EXPECT_FALSE(open(CheckpointBuilder().build())->may_be_by_libtorch());
  EXPECT_TRUE(open(CheckpointBuilder().record("constants.pkl", "x").build())->may_be_by_libtorch());
  EXPECT_TRUE(open(CheckpointBuilder().without("byteorder").build())->may_be_by_libtorch());
  for (const char* version : {"version", ".data/version"}) {
    EXPECT_TRUE(open(CheckpointBuilder()
                         .without("version")
                         .without("byteorder")
                         .record(version, "3")
                         .record("byteorder", "little")
                         .build())
                    ->may_be_by_libtorch())
        << version;
    EXPECT_FALSE(open(CheckpointBuilder()
                          .without("version")
                          .without("byteorder")
                          .record("byteorder", "little")
                          .record(version, "3")
                          .build())
                     ->may_be_by_libtorch())
        << version;
  }
}

TEST(TorchArchive, SaysThatItIsAModelArchive) {  // Z28
  EXPECT_ERROR(open(ZipBuilder()
                        .add("MAR-INF/MANIFEST.json", "{}")
                        .add("model.py", "import torch")
                        .add("model.pt", "PK")
                        .build()),
               ErrorKind::kUnsupported, "this is a model archive of TorchServe");
  EXPECT_OK(open(CheckpointBuilder().record("MAR-INF/MANIFEST.json", "{}").build()));
}

TEST(TorchArchive, ReadsTheKnownVersions) {
  for (std::uint32_t version = 1; version <= 10; ++version) {
    for (const char* end : {"", "\n"}) {
      const auto archive = open(with_version(std::to_string(version) + end));
      ASSERT_OK(archive);
      EXPECT_EQ(archive->version(), version);
    }
  }
}

TEST(TorchArchive, RefusesOtherVersions) {  // N07
  for (const char* text :
       {"0", "0\n", "11\n", "999", "-1", "+3", " 3", "3 ", "3\n\n", "3\r\n", "3x", "three", "",
        "\n", "0x3", "3.0", "4294967299", "333333333333333333333333333333"}) {
    EXPECT_ERROR(open(with_version(text)), ErrorKind::kUnsupported,
                 "in record 'model/version': the archive's format version is '" +
                     std::string(text).substr(0, 40) + "'; versions 1 to 10 are known");
  }
  EXPECT_ERROR(open(with_version(std::string("3\0", 2))), ErrorKind::kUnsupported);
}

TEST(TorchArchive, RefusesAnArchiveWithoutVersion) {  // N07
  EXPECT_ERROR(open(CheckpointBuilder().without("version").build()), ErrorKind::kUnsupported,
               "the archive does not say its format version");
}

TEST(TorchArchive, PrefersTheVersionInDotData) {
  const auto archive =
      open(CheckpointBuilder().record(".data/version", "7\n").record("version", "3\n").build());
  ASSERT_OK(archive);
  EXPECT_EQ(archive->version(), 7u);
  EXPECT_ERROR(open(CheckpointBuilder().record(".data/version", "11").build()),
               ErrorKind::kUnsupported, "in record 'model/.data/version'");
  const auto alone =
      open(CheckpointBuilder().without("version").record(".data/version", "10").build());
  ASSERT_OK(alone);
  EXPECT_EQ(alone->version(), 10u);
}

TEST(TorchArchive, ReadsTheByteOrder) {
  EXPECT_EQ(open(with_byte_order("little")).value().byte_order(), ByteOrder::kLittle);
  EXPECT_EQ(open(with_byte_order("big")).value().byte_order(), ByteOrder::kBig);  // E01
  EXPECT_EQ(open(CheckpointBuilder().without("byteorder").build()).value().byte_order(),
            ByteOrder::kLittle);  // E03
}

TEST(TorchArchive, RefusesOtherByteOrders) {  // E02
  for (const char* text : {"middle", "", "LITTLE", "Big", "little\n", "big ", "littl"}) {
    EXPECT_ERROR(open(with_byte_order(text)), ErrorKind::kByteOrder,
                 "in record 'model/byteorder': the byte order is '" + std::string(text) +
                     "', neither little nor big");
  }
}

TEST(TorchArchive, RefusesLongSmallRecords) {  // E02
  const std::string megabytes(10'000'000, '3');
  EXPECT_ERROR(open(with_byte_order(megabytes)), ErrorKind::kLimit, "in record 'model/byteorder'");
  EXPECT_ERROR(open(with_version(megabytes)), ErrorKind::kLimit, "in record 'model/version'");
  EXPECT_ERROR(open(with_version(std::string(4097, '3'))), ErrorKind::kLimit, "model/version");
  EXPECT_ERROR(open(with_version(std::string(4096, '3'))), ErrorKind::kUnsupported,
               "model/version");
  // Deflated, it is small in the file only.
  EXPECT_ERROR(open(CheckpointBuilder().record("version", megabytes, {.deflate = true}).build()),
               ErrorKind::kLimit, "the record has 10000000 bytes");
}

TEST(TorchArchive, VerifiesTheSmallRecordsUnlessToldNotTo) {  // C09
  for (const auto& [name, content] : {std::pair("version", "3\n"), std::pair("byteorder", "big"),
                                      std::pair(".data/version", "4")}) {
    const std::string file = CheckpointBuilder().record(name, content, kWrongCrc).build();
    EXPECT_ERROR(open(file), ErrorKind::kChecksum, "in record 'model/" + std::string(name) + "'");
    EXPECT_OK(open(file, /*verify_crc=*/false));
  }
  // The large ones are for later stages.
  EXPECT_OK(open(CheckpointBuilder().record("data/0", "0", kWrongCrc).build()));
}

TEST(TorchArchive, RefusesAForeignHeader) {  // Z05
  // The archive's offsets begin behind the header, or with it.
  EXPECT_ERROR(open("foreign" + CheckpointBuilder().build()), ErrorKind::kContainer,
               "the zip64 locator does not point at a zip64 end record");
  EXPECT_ERROR(open(ZipBuilder().add("m/data.pkl", "", {.before = "foreign"}).build()),
               ErrorKind::kContainer, "at byte 0: 7 bytes stand in front of the first record");
}

TEST(TorchArchive, HandsOnTheErrorsOfTheZip) {
  const std::string file = CheckpointBuilder().build();
  EXPECT_ERROR(open(file.substr(0, 21)), ErrorKind::kTooShort);
  EXPECT_ERROR(open(file.substr(0, 200)), ErrorKind::kContainer, "cut short");
  EXPECT_ERROR(open(CheckpointBuilder().record("data.pkl", "x").record("data.pkl", "y").build()),
               ErrorKind::kName, "two records have this name");  // Z23
  EXPECT_ERROR(TorchArchive::open(source_of(file), {.max_records = 2}, true), ErrorKind::kLimit,
               "max_records");
}

}  // namespace
}  // namespace hardload
