// Ceilings: the same bytes moved by nothing but the machine.
//
// How fast a loader is means little; how close it comes to moving the bytes and nothing else, in
// the same run, means something.
#pragma once

#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

namespace hardload::bench {

// Fills new memory with the file at `path`, on all cores, and returns it: by pread from the page
// cache, or by memcpy from a mapping whose pages are all present. Throws where it cannot.
at::Tensor pread_file(const std::string& path);

class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  at::Tensor memcpy_file() const;

 private:
  void* start_;
  std::size_t size_;
};

}  // namespace hardload::bench
