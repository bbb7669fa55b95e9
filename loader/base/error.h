// Error: what went wrong with a file, as a value.
//
// Every stage of the corridor reports trouble the same way: a kind that a program can switch on,
// the stage that noticed it, the archive record and byte where it was noticed, a sentence that says
// what is wrong, and a sentence that says what to do. The library never prints, logs or aborts.
//
//   return Error(ErrorKind::kBounds, Stage::kContainer, "the record ends after the file does")
//       .in_record("model/data/0")
//       .at(1024);
//   ...
//   std::cerr << result.error().display() << "\n";  // safe for terminals; message() is raw
//
// Ownership: an Error owns all its text. Threads: like a std::string.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hardload {

// How a file can be wrong, or how loading it can fail.
enum class ErrorKind : std::uint8_t {
  kIo,             // the operating system refused, or the file changed while it was read
  kNotRegular,     // a folder, pipe, socket or device where a file is needed
  kTooShort,       // too few bytes to be anything
  kUnknownFormat,  // not a checkpoint; the message says what it looks like instead
  kUnsupported,    // well formed, but a feature that this library does not load
  kContainer,      // the zip structure contradicts itself
  kBounds,         // something points outside of the bytes that are there
  kLimit,          // more than Limits allows
  kChecksum,       // a CRC-32 does not match
  kName,           // a record name that is unsafe or appears twice
  kPickle,         // the pickle program is malformed
  kGlobal,         // the pickle names something that is not plain data
  kPersId,         // a storage reference is malformed
  kStorage,        // a storage contradicts its record or another reference to it
  kLayout,         // sizes, strides or offset of a tensor do not fit its storage
  kByteOrder,      // the byteorder record is neither little nor big
  kKey,            // state dict keys: repeated, missing, unexpected or of the wrong type
  kDevice,         // a device that is misspelt or absent
  kOutOfMemory,    // memory could not be had
  kCancelled,      // the caller asked to stop; nothing has changed
  kTorn,           // what was loaded in place is half old and half new: the file changed meanwhile
};

// The room of the corridor that noticed.
enum class Stage : std::uint8_t {
  kBytes,
  kContainer,
  kPickle,
  kManifest,
  kMatch,
  kPlace,
  kTransfer,
  kTorch,
  kCli,
};

// "Bounds", "Container", ...: the names used in messages.
std::string_view to_string(ErrorKind kind);
// "container", "pickle", ...: the folder under loader/.
std::string_view to_string(Stage stage);

class OptionalError;

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, Stage stage, std::string problem);
  Error(const Error& other);
  Error& operator=(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  // Builders. Each sets one part and returns the error, so that they chain.
  Error&& in_source(std::string_view name) &&;
  Error&& in_record(std::string_view name) &&;
  Error&& at(std::uint64_t offset) &&;
  Error&& advise(std::string_view advice) &&;
  // For problems of several lines, in which only the names have to be escaped: what display() puts
  // in the place of problem().
  Error&& show_as(std::string safe_problem) &&;

  ErrorKind kind() const { return detail_->kind; }
  Stage stage() const { return detail_->stage; }
  // What is wrong, without place or advice.
  const std::string& problem() const { return detail_->problem; }
  // The file as the caller named it; empty when unknown.
  const std::string& source() const { return detail_->source; }
  // The archive record; empty when the error is not inside one.
  const std::string& record() const { return detail_->record; }
  // Where: bytes from the start of the file for errors of the bytes and container stages; from the
  // start of the record's content for those of later ones.
  std::optional<std::uint64_t> offset() const { return detail_->offset; }
  // What the user can do. Never empty: each kind has a default.
  std::string_view advice() const;

  // All parts in one text, names as they stand in the file.
  std::string message() const;
  // message() with everything that could fool a terminal escaped (see escape.h).
  std::string display() const;

 private:
  friend class OptionalError;
  Error() = default;

  std::string compose(std::string (*quote)(std::string_view), const std::string& problem) const;

  struct Detail {
    ErrorKind kind;
    Stage stage;
    std::optional<std::uint64_t> offset;
    std::string problem;
    std::string safe_problem;
    std::string source;
    std::string record;
    std::string advice;
  };
  // Behind a pointer, so that a Result<T> is hardly larger than T. Null only in an OptionalError.
  std::unique_ptr<Detail> detail_;
};

// An Error or none, in the size of one pointer. For Result (result.h).
class OptionalError {
 public:
  OptionalError() = default;
  OptionalError(Error error) : error_(std::move(error)) {}
  OptionalError(const OptionalError& other) {
    if (other) error_ = other.error_;
  }
  OptionalError& operator=(const OptionalError& other) {
    if (this != &other) *this = OptionalError(other);
    return *this;
  }
  OptionalError(OptionalError&&) noexcept = default;
  OptionalError& operator=(OptionalError&&) noexcept = default;
  ~OptionalError() = default;

  explicit operator bool() const { return error_.detail_ != nullptr; }
  const Error& operator*() const& { return error_; }
  Error&& operator*() && { return std::move(error_); }

 private:
  Error error_;
};

}  // namespace hardload
