#include "loader/base/error.h"

#include <utility>

#include "loader/base/escape.h"
#include "loader/base/text.h"

namespace hardload {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kIo: return "Io";
    case ErrorKind::kNotRegular: return "NotRegular";
    case ErrorKind::kTooShort: return "TooShort";
    case ErrorKind::kUnknownFormat: return "UnknownFormat";
    case ErrorKind::kUnsupported: return "Unsupported";
    case ErrorKind::kContainer: return "Container";
    case ErrorKind::kBounds: return "Bounds";
    case ErrorKind::kLimit: return "Limit";
    case ErrorKind::kChecksum: return "Checksum";
    case ErrorKind::kName: return "Name";
    case ErrorKind::kPickle: return "Pickle";
    case ErrorKind::kGlobal: return "Global";
    case ErrorKind::kPersId: return "PersId";
    case ErrorKind::kStorage: return "Storage";
    case ErrorKind::kLayout: return "Layout";
    case ErrorKind::kByteOrder: return "ByteOrder";
    case ErrorKind::kKey: return "Key";
    case ErrorKind::kDevice: return "Device";
    case ErrorKind::kOutOfMemory: return "OutOfMemory";
    case ErrorKind::kCancelled: return "Cancelled";
    case ErrorKind::kTorn: return "Torn";
  }
  return "?";
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::kBytes: return "bytes";
    case Stage::kContainer: return "container";
    case Stage::kPickle: return "pickle";
    case Stage::kManifest: return "manifest";
    case Stage::kMatch: return "match";
    case Stage::kPlace: return "place";
    case Stage::kTransfer: return "transfer";
    case Stage::kTorch: return "torch";
    case Stage::kCli: return "cli";
  }
  return "?";
}

namespace {

std::string_view default_advice(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kIo: return "Check that the file can be read and is not being written to.";
    case ErrorKind::kNotRegular: return "Give the path of a regular file.";
    case ErrorKind::kTooShort:
    case ErrorKind::kContainer:
    case ErrorKind::kBounds:
    case ErrorKind::kChecksum:
      return "The file is damaged or was altered: fetch it again from where it came from.";
    case ErrorKind::kUnknownFormat: return "Give a file written by torch.save.";
    case ErrorKind::kUnsupported: return "Save model.state_dict() with torch.save and load that.";
    case ErrorKind::kLimit:
      return "If you trust the file, raise this limit (see loader/base/limits.h).";
    case ErrorKind::kGlobal:
      return "Save model.state_dict() instead of the object itself; code in a file is never run.";
    case ErrorKind::kName:
    case ErrorKind::kPickle:
    case ErrorKind::kPersId:
    case ErrorKind::kStorage:
    case ErrorKind::kLayout:
    case ErrorKind::kByteOrder:
      return "torch.save does not write this: the file is damaged or crafted, do not use it.";
    case ErrorKind::kKey: return "Check that the file belongs to this model.";
    case ErrorKind::kDevice: return "Use map_location \"cpu\", or a device of this machine.";
    case ErrorKind::kOutOfMemory: return "Free memory, or load fewer tensors at a time.";
    case ErrorKind::kCancelled: return "Load again when it is wanted.";
    case ErrorKind::kTorn:
      return "Load the module again, from a file that nobody writes to, before it is used.";
  }
  return "";
}

}  // namespace

Error::Error(ErrorKind kind, Stage stage, std::string problem)
    : detail_(std::make_unique<Detail>(
          Detail{kind, stage, std::nullopt, std::move(problem), {}, {}, {}, {}})) {}

Error::Error(const Error& other) : detail_(std::make_unique<Detail>(*other.detail_)) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) detail_ = std::make_unique<Detail>(*other.detail_);
  return *this;
}

Error&& Error::in_source(std::string_view name) && {
  detail_->source = name;
  return std::move(*this);
}

Error&& Error::in_record(std::string_view name) && {
  detail_->record = name;
  return std::move(*this);
}

Error&& Error::at(std::uint64_t offset) && {
  detail_->offset = offset;
  return std::move(*this);
}

Error&& Error::advise(std::string_view advice) && {
  detail_->advice = advice;
  return std::move(*this);
}

Error&& Error::show_as(std::string safe_problem) && {
  detail_->safe_problem = std::move(safe_problem);
  return std::move(*this);
}

std::string_view Error::advice() const {
  return detail_->advice.empty() ? default_advice(detail_->kind) : detail_->advice;
}

std::string Error::compose(std::string (*quote)(std::string_view),
                           const std::string& problem) const {
  std::string out;
  if (!source().empty()) append(out, quote(source()), ": ");
  append(out, to_string(kind()), " error");
  if (!record().empty()) append(out, " in record '", quote(record()), "'");
  if (offset()) append(out, " at byte ", *offset());
  if (offset() && !record().empty() && stage() <= Stage::kContainer) out += " of the file";
  append(out, ": ", problem, problem.ends_with('.') || problem.ends_with(' ') ? "" : ".");
  append(out, problem.find('\n') == problem.npos ? " " : "\n", advice());
  return out;
}

std::string Error::message() const {
  return compose([](std::string_view text) { return std::string(text); }, problem());
}

std::string Error::display() const {
  return compose(escape_for_display, detail_->safe_problem.empty() ? escape_for_display(problem())
                                                                   : detail_->safe_problem);
}

}  // namespace hardload
