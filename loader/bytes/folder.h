// Folder: a folder that is open, and the files in it by their plain names.
//
// For names that a file chose: the shards that an index lists. Such a name can reach nothing but a
// regular file of this folder, or what a link that its owner put there leads to, within bounds:
//
//   HARDLOAD_ASSIGN(const Folder folder, Folder::open("model"));
//   HARDLOAD_ASSIGN(auto shard, folder.open_file("model-00001-of-00002.safetensors", {}));
//
// A link is followed where it ends in a regular file under the folder; or, where the folder is a
// snapshot of a Hugging Face cache (.../models--NAME/snapshots/REVISION), under the cache's
// models--NAME/blobs, which is where its links lead. What is opened is what was checked: where it
// is and what it is are asked of its descriptor, by Linux's /proc. Pipes and devices are neither
// waited for nor opened.
//
// Ownership: owns its descriptor. Threads: all const functions from any number of threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/bytes/descriptor.h"

namespace hardload {

struct OpenFileOptions {
  bool follow_links = true;  // within the bounds above; else no link is followed
  bool mapped = false;       // a MappedSource
};

class Folder {
 public:
  // Links on the way to the folder are the caller's own. Errors: kIo; kNotRegular for no folder.
  static Result<Folder> open(const std::string& path);

  // As the caller named it.
  const std::string& name() const { return name_; }

  // The file of this name. Errors: kName for more than one plain component, and for links that are
  // not followed; kNotRegular; kIo. Each says which file.
  Result<std::unique_ptr<ByteSource>> open_file(std::string_view name,
                                                const OpenFileOptions& options) const;

  // The names in the folder that end in one of `endings`, sorted. Errors: kIo.
  Result<std::vector<std::string>> names(const std::vector<std::string_view>& endings) const;

 private:
  Folder(Descriptor descriptor, std::string name)
      : descriptor_(std::move(descriptor)), name_(std::move(name)) {}
  Result<Descriptor> open_descriptor(const std::string& file, const std::string& shown,
                                     bool follow_links) const;

  Descriptor descriptor_;
  std::string name_;
};

// Whether `name` is one plain component of a path: not empty, "." or "..", without '/', '\' and
// NUL, and no longer than a file's name can be.
bool is_plain_name(std::string_view name);

}  // namespace hardload
