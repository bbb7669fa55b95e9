// identify tells every kind of file by its first bytes, and explain_kind says what it is.

#include "loader/container/identify.h"

#include <cstdio>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "tests/container/bytes.h"
#include "tests/container/sources.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using testing::source_of;
using testing::u64;

FileKind kind_of(std::string_view bytes) {
  const auto kind = identify(source_of(bytes));
  EXPECT_OK(kind);
  return kind.ok() ? *kind : FileKind::kUnknown;
}

// The error that a user gets who gives this file.
Error explanation_of(std::string_view bytes) {
  const MemorySource source = source_of(bytes);
  return explain_kind(source, identify(source).value());
}

const std::string kMagicNumber = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
const std::string kLegacyMagic = "\x80\x02" + kMagicNumber;
const std::string kDistributed =
    "\x80\x04\x95" + u64(52) +
    "\x8c\x25torch.distributed.checkpoint.metadata\x94\x8c\x08Metadata\x94\x93"s;
const std::string kLfsPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345678\n";

std::string tar_with(std::string_view magic) {
  std::string header = "pickle" + std::string(506, '\0');
  return header.replace(257, magic.size(), magic) + std::string(1024, '\0');
}

TEST(Identify, TellsEveryKind) {
  const struct {
    const char* what;
    std::string bytes;
    FileKind kind;
  } cases[] = {
      {"a checkpoint", testing::CheckpointBuilder().build(), FileKind::kZip},
      {"the first four bytes of a zip", "PK\x03\x04", FileKind::kZip},
      {"the first three bytes of a zip", "PK\x03", FileKind::kZip},  // Z01
      {"the first byte of a zip", "P", FileKind::kZip},
      {"a zip without records", "PK\x05\x06" + std::string(18, '\0'), FileKind::kZip},
      {"nothing", "", FileKind::kEmpty},  // Z01
      {"an LFS pointer", kLfsPointer, FileKind::kLfsPointer},
      {"a page", "<!DOCTYPE html>\n<html>", FileKind::kHtml},
      {"a page in small letters", "<!doctype html>", FileKind::kHtml},
      {"a page without doctype", "\r\n\t <HTML lang=\"en\">", FileKind::kHtml},
      {"an error of a store", "<?xml version=\"1.0\"?><Error>", FileKind::kHtml},
      {"a JSON object", " {\"error\": \"Not found\"}", FileKind::kJson},
      {"gzip", "\x1f\x8b\x08\x00"s, FileKind::kGzip},                  // Z25
      {"7z", "7z\xbc\xaf\x27\x1c\x00\x04"s, FileKind::kOtherArchive},  // Z25
      {"rar 4", "Rar!\x1a\x07\x00"s, FileKind::kOtherArchive},         // Z25
      {"rar 5", "Rar!\x1a\x07\x01\x00"s, FileKind::kOtherArchive},     // Z25
      {"xz", "\xfd\x37zXZ\x00\x00"s, FileKind::kOtherArchive},         // Z25
      {"bzip2", "BZh91AY&SY", FileKind::kOtherArchive},                // Z25
      {"zstd", "\x28\xb5\x2f\xfd\x04", FileKind::kOtherArchive},
      {"tar", tar_with("ustar\00000"s), FileKind::kTar},    // Z25
      {"GNU tar", tar_with("ustar  \0"s), FileKind::kTar},  // Z25
      {"safetensors", u64(8) + "{\"a\":1} ", FileKind::kSafetensors},
      {"the smallest safetensors", u64(2) + "{}", FileKind::kSafetensors},
      {"a legacy stream", kLegacyMagic + "\x80\x02M\xe9\x03.", FileKind::kLegacyStream},
      {"a legacy stream of protocol 3", "\x80\x03" + kMagicNumber, FileKind::kLegacyStream},
      {"a legacy stream of protocol 4", "\x80\x04\x95" + u64(13) + kMagicNumber,
       FileKind::kLegacyStream},
      {"the first 14 bytes of a legacy stream", kLegacyMagic.substr(0, 14),
       FileKind::kLegacyStream},
      {"the first 13 bytes of a legacy stream", kLegacyMagic.substr(0, 13), FileKind::kPickle},
      {"the magic number behind other bytes", "\x80\x02K\x00" + kMagicNumber, FileKind::kPickle},
      {"the .metadata of a distributed checkpoint", kDistributed, FileKind::kDistributedMetadata},
      {"the same of protocol 5", "\x80\x05" + kDistributed.substr(2),
       FileKind::kDistributedMetadata},
      {"the same of protocol 3", "\x80\x03" + kDistributed.substr(2), FileKind::kPickle},
      {"another class of the same module", kDistributed.substr(0, 53) + "Metadatb\x94\x93",
       FileKind::kPickle},
      {"a pickle of protocol 2", "\x80\x02}q\x00.", FileKind::kPickle},
      {"a pickle of protocol 3", "\x80\x03}q\x00.", FileKind::kPickle},
      {"a pickle of protocol 4", "\x80\x04\x95\x00", FileKind::kPickle},
      {"a pickle of protocol 5", "\x80\x05\x95\x00", FileKind::kPickle},
      {"a preview archive", "PYTORCH1\0\0"s, FileKind::kPreview},  // Z28
      {"a model for phones", "\x18\0\0\0PTMF\0\0"s, FileKind::kMobile},
      {"HDF5", "\x89HDF\r\n\x1a\n\0"s, FileKind::kHdf5},
      {"numpy", "\x93NUMPY\x01\x00v\x00"s, FileKind::kNumpy},
      {"GGUF", "GGUF\x03\x00\x00\x00"s, FileKind::kGguf},
      {"PDF", "%PDF-1.7\n", FileKind::kUnknown},  // Z25
      {"a text", "hello", FileKind::kUnknown},
      {"white space", " \n\t\r ", FileKind::kUnknown},
      {"one byte", "x", FileKind::kUnknown},
      {"zeros", std::string(4096, '\0'), FileKind::kUnknown},
  };
  for (const auto& c : cases) EXPECT_EQ(kind_of(c.bytes), c.kind) << c.what;
}

TEST(Identify, TakesSafetensorsOnlyWithAHeaderThatFits) {
  const std::string header = "{\"a\":1} ";
  EXPECT_EQ(kind_of(u64(8) + header), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(u64(8) + header + "data"), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(u64(9) + header), FileKind::kSafetensors);  // F18: cut short
  EXPECT_EQ(kind_of(u64(100'000'000) + header), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(u64(100'000'001) + header), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(8) + "{"), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(u64(8) + "{x"), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(8)), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(12) + " \n\t\r{\"a\":1} "), FileKind::kSafetensors);  // F04
  EXPECT_EQ(kind_of(u64(4000) + std::string(4000, ' ')), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(u64(40) + std::string(40, ' ')), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(~std::uint64_t{0}) + header), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(1) + header), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(0)), FileKind::kUnknown);
  EXPECT_EQ(kind_of(u64(8) + "[1, 2]  "), FileKind::kUnknown);
}

// The lengths begin as pickles of protocols 2 to 5, gzip and bzip2 do.
TEST(Identify, TakesSafetensorsWhoseLengthLooksLikeAnotherFormat) {
  for (const std::uint64_t length : {0x280u, 0x380u, 0x480u, 0x580u, 0x8b1fu, 0x685a42u}) {
    const std::string header = "{\"a\":1}" + std::string(length - 7, ' ');
    EXPECT_EQ(kind_of(u64(length) + header), FileKind::kSafetensors) << length;
    EXPECT_NE(kind_of(u64(length) + header.substr(1)), FileKind::kSafetensors) << length;
  }
  // "ustar" where a tar file has it.
  std::string header = "{\"" + std::string(600, 'a') + "\":1}";
  header.replace(257 - 8, 5, "ustar");
  EXPECT_EQ(kind_of(u64(header.size()) + header), FileKind::kSafetensors);
  // GGUF with 123, '{', tensors, were it of 14 GB.
  EXPECT_EQ(kind_of("GGUF" + std::string("\x03\0\0\0{\0\0\0\0\0\0\0", 12)), FileKind::kGguf);
}

TEST(Identify, LooksAtContentNotAtNames) {  // Z26
  const std::string zip = testing::CheckpointBuilder().build();
  for (const char* name : {"model.safetensors", "model.bin", "model.tar.gz", ""}) {
    EXPECT_EQ(identify(MemorySource(testing::as_bytes(zip), name)).value(), FileKind::kZip);
  }
  const std::string safetensors = u64(2) + "{}";
  EXPECT_EQ(identify(MemorySource(testing::as_bytes(safetensors), "model.pt")).value(),
            FileKind::kSafetensors);
}

TEST(Identify, GoesByTheFirstBytesWhereAnotherFormatFollows) {  // Z29
  const std::string zip = testing::CheckpointBuilder().build();
  EXPECT_EQ(kind_of(kLegacyMagic + zip), FileKind::kLegacyStream);
  EXPECT_EQ(kind_of(zip + kLegacyMagic), FileKind::kZip);
  EXPECT_EQ(kind_of(u64(2) + "{}" + zip), FileKind::kSafetensors);
}

// What torch would take for another format is that format.
TEST(Identify, IsOfTorchsMindAboutFilesOfTwoFormats) {
  EXPECT_EQ(kind_of(u64(0x04034b50) + "{\"a\":1}"), FileKind::kZip);
  std::string tar = u64(600) + "{\"" + std::string(600, 'a') + "\":1}";
  tar.replace(257, 5, "ustar");
  EXPECT_EQ(kind_of(tar), FileKind::kSafetensors);
  unsigned sum = 0;
  tar.replace(148, 8, "        ");
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  char octal[8];
  std::snprintf(octal, sizeof octal, "%06o", sum);
  tar.replace(148, 7, std::string(octal, 7));
  EXPECT_EQ(kind_of(tar), FileKind::kTar);
}

TEST(Identify, HandsOnErrorsOfReading) {
  const std::string zip = testing::CheckpointBuilder().build();
  EXPECT_ERROR(identify(testing::FailingSource(zip, 0)), ErrorKind::kIo, "the disk is gone");
  EXPECT_EQ(explain_kind(testing::FailingSource(zip, 0), FileKind::kJson).kind(), ErrorKind::kIo);
}

TEST(ExplainKind, SaysWhatTheFileIs) {
  const struct {
    std::string bytes;
    ErrorKind kind;
    std::string_view problem, advice;
  } cases[] = {
      {"", ErrorKind::kTooShort, "the file is empty", "fetch the file again"},
      {kLfsPointer, ErrorKind::kUnknownFormat, "Git LFS pointer", "git lfs pull"},
      {"<html>", ErrorKind::kUnknownFormat, "web page", "browser"},
      {"{\"weight_map\": {}}", ErrorKind::kUnknownFormat, "JSON", "shards"},
      {"\x1f\x8b", ErrorKind::kUnsupported, "gzip", "gunzip"},
      {"BZh9", ErrorKind::kUnsupported, "compressed archive", "Unpack"},
      {tar_with("ustar"), ErrorKind::kUnsupported, "archive of files", "Unpack"},
      {kDistributed, ErrorKind::kUnsupported, "torch.distributed.checkpoint", "folder"},
      {"\x80\x02}.", ErrorKind::kUnsupported, "plain Python pickle", "state_dict"},
      {"PYTORCH1", ErrorKind::kUnsupported, "preview release", "state_dict"},
      {"1234PTMF", ErrorKind::kUnsupported, "lite interpreter", "state_dict"},
      {"\x89HDF\r\n\x1a\n", ErrorKind::kUnsupported, "HDF5", "state_dict"},
      {"\x93NUMPY", ErrorKind::kUnsupported, "numpy", "state_dict"},
      {"GGUF", ErrorKind::kUnsupported, "GGUF", "state_dict"},
      {"%PDF-1.7", ErrorKind::kUnknownFormat, "begins with '%PDF-1.7'", "torch.save"},
  };
  for (const auto& c : cases) {
    const Error error = explanation_of(c.bytes);
    EXPECT_EQ(error.kind(), c.kind) << error.display();
    EXPECT_EQ(error.offset(), 0u);
    EXPECT_NE(error.problem().find(c.problem), std::string::npos) << error.display();
    EXPECT_NE(error.advice().find(c.advice), std::string::npos) << error.display();
  }
}

TEST(ExplainKind, TellsWhatAnLfsPointerPointsAt) {
  const std::string problem = explanation_of(kLfsPointer).problem();
  EXPECT_NE(problem.find("has 12345678 bytes and oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f"
                         "32b1258daaa5e2ca24d17e2393"),
            std::string::npos)
      << problem;
}

TEST(ExplainKind, StandsIncompleteLfsPointers) {
  const std::string head = "version https://git-lfs.github.com/spec/v1\n";
  EXPECT_NE(explanation_of(head).problem().find("has ? bytes and oid ?"), std::string::npos);
  EXPECT_NE(explanation_of(head + "size 12").problem().find("has 12 bytes and oid ?"),
            std::string::npos);
}

TEST(ExplainKind, ShowsUnknownBytesEscaped) {
  const Error error = explanation_of("\x1b[31mred\x07 and 16 more bytes");
  EXPECT_EQ(error.kind(), ErrorKind::kUnknownFormat);
  EXPECT_NE(error.display().find("begins with '\\x1b[31mred\\x07 and 16'"), std::string::npos)
      << error.display();
}

}  // namespace
}  // namespace hardload
