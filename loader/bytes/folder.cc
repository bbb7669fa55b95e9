#include "loader/bytes/folder.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "loader/base/text.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/file_type.h"
#include "loader/bytes/system_error.h"

namespace hardload {
namespace {

constexpr int kReadOnly = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

std::string link_of(int descriptor) { return concat("/proc/self/fd/", descriptor); }

// Where what is open lies, without links.
Result<std::string> place_of(int descriptor, const std::string& shown) {
  std::string place(PATH_MAX, '\0');
  const ssize_t count = ::readlink(link_of(descriptor).c_str(), place.data(), place.size());
  if (count < 0) return system_error("cannot be located", errno, shown);
  place.resize(static_cast<std::size_t>(count));
  return place;
}

// "PATH/models--NAME/blobs" for a folder PATH/models--NAME/snapshots/REVISION, or one in it.
std::optional<std::string> blobs_beside(std::string_view folder) {
  constexpr std::string_view kSnapshots = "/snapshots/";
  const std::size_t at = folder.rfind(kSnapshots);
  if (at == folder.npos) return std::nullopt;
  const std::string_view repository = folder.substr(0, at);
  const std::string_view last = repository.substr(repository.rfind('/') + 1);
  for (const std::string_view kind : {"models--", "datasets--", "spaces--"}) {
    if (last.starts_with(kind)) return concat(repository, "/blobs");
  }
  return std::nullopt;
}

bool is_under(std::string_view place, std::string folder) {
  if (!folder.ends_with('/')) folder += '/';
  return place.starts_with(folder);
}

struct CloseListing {
  void operator()(DIR* listing) const { ::closedir(listing); }
};

Error unsafe(std::string problem, const std::string& shown) {
  return Error(ErrorKind::kName, Stage::kBytes, std::move(problem)).in_source(shown);
}

}  // namespace

bool is_plain_name(std::string_view name) {
  constexpr std::string_view kNever("/\\\0", 3);
  return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." &&
         name.find_first_of(kNever) == name.npos;
}

Result<Folder> Folder::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    return Error(ErrorKind::kIo, Stage::kBytes, "the path holds a NUL byte").in_source(path);
  }
  Descriptor opened(::open(path.c_str(), kReadOnly | O_DIRECTORY));
  if (opened.get() >= 0) return Folder(std::move(opened), path);
  if (errno == ENOTDIR) {
    return Error(ErrorKind::kNotRegular, Stage::kBytes, "this is no folder").in_source(path);
  }
  return system_error("cannot be opened", errno, path);
}

Result<std::unique_ptr<ByteSource>> Folder::open_file(std::string_view name,
                                                      const OpenFileOptions& options) const {
  const std::string file(name);
  std::string shown = concat(name_, name_.ends_with('/') ? "" : "/", name);
  if (!is_plain_name(name)) {
    return unsafe("a file of this folder is needed, but this name is more than that", shown);
  }
  HARDLOAD_ASSIGN(Descriptor opened, open_descriptor(file, shown, options.follow_links));
  return options.mapped ? MappedSource::adopt(opened.release(), std::move(shown))
                        : FileSource::adopt(opened.release(), std::move(shown));
}

Result<Descriptor> Folder::open_descriptor(const std::string& file, const std::string& shown,
                                           bool follow_links) const {
  const auto not_regular = [&](mode_t mode) {
    return Error(ErrorKind::kNotRegular, Stage::kBytes,
                 concat("this is ", describe_type(mode), ", not a file"))
        .in_source(shown);
  };
  // O_PATH: nothing is opened yet but the place itself, whatever it is.
  const int follow = follow_links ? 0 : O_NOFOLLOW;
  const Descriptor found(::openat(descriptor_.get(), file.c_str(), O_PATH | O_CLOEXEC | follow));
  if (found.get() < 0) return system_error("cannot be opened", errno, shown);
  struct stat status;
  if (::fstat(found.get(), &status) != 0) return system_error("cannot be examined", errno, shown);
  if (S_ISLNK(status.st_mode)) {
    return unsafe("this is a symbolic link, and none is to be followed", shown);
  }
  if (!S_ISREG(status.st_mode)) return not_regular(status.st_mode);
  HARDLOAD_ASSIGN(const std::string folder, place_of(descriptor_.get(), shown));
  HARDLOAD_ASSIGN(const std::string place, place_of(found.get(), shown));
  const auto blobs = blobs_beside(folder);
  if (!is_under(place, folder) && !(blobs && is_under(place, *blobs))) {
    return unsafe(concat("this is a symbolic link that leaves the folder, to '", place, "'"), shown)
        .advise("If the file there is meant, copy it into the folder.");
  }
  Descriptor opened(::open(link_of(found.get()).c_str(), kReadOnly));
  if (opened.get() < 0) return system_error("cannot be opened", errno, shown);
  return opened;
}

Result<std::vector<std::string>> Folder::names(const std::vector<std::string_view>& endings) const {
  Descriptor again(::openat(descriptor_.get(), ".", kReadOnly | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseListing> listing(again.get() < 0 ? nullptr
                                                                   : ::fdopendir(again.get()));
  if (listing == nullptr) return system_error("cannot be listed", errno, name_);
  again.release();  // the listing's from here on
  std::vector<std::string> found;
  int fault = 0;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr) {
      fault = errno;
      break;
    }
    const std::string_view name = entry->d_name;
    const auto is_end = [&](std::string_view ending) { return name.ends_with(ending); };
    if (std::any_of(endings.begin(), endings.end(), is_end)) found.emplace_back(name);
  }
  if (fault != 0) return system_error("cannot be listed", fault, name_);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace hardload
