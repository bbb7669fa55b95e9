// JoinedSource: several sources as one, for a checkpoint that lies in several files.
//
//   HARDLOAD_ASSIGN(auto joined, JoinedSource::make("model", std::move(shards)));
//   joined->begin(1);  // where the second one's bytes begin
//
// Each keeps its own alignment: it begins at a multiple of kDirectUnit. Between two of them is a
// gap that cannot be read, so wide that nobody who reads neighbours together reads over it. A range
// that is not inside of one source is an error; errors of reading carry the name of the source they
// are about, and the place there.
//
// Ownership: shares the sources. Threads: as the sources.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loader/bytes/byte_source.h"

namespace hardload {

class JoinedSource final : public ByteSource {
 public:
  // `name`: of all together. Errors: kLimit where 64 bits do not count their bytes.
  static Result<std::shared_ptr<const JoinedSource>> make(
      std::string name, std::vector<std::shared_ptr<const ByteSource>> sources);

  // Where the bytes of source `i` begin.
  std::uint64_t begin(std::size_t i) const { return parts_[i].begin; }
  std::string_view name_of(std::size_t i) const { return parts_[i].source->name(); }

  std::string_view name() const override { return name_; }
  std::uint64_t size() const override { return size_; }
  std::uint64_t allocated_bytes() const override { return allocated_bytes_; }
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  bool is_cached(std::uint64_t offset) const override;
  Result<void> read_direct(std::uint64_t offset, std::span<std::byte> out) const override;
  // Each source lends its own bytes only.
  std::span<const std::byte> view_at(std::uint64_t offset, std::uint64_t count) const override;
  Result<void> check_unchanged() const override;

 private:
  struct Part {
    std::uint64_t begin;
    std::shared_ptr<const ByteSource> source;
  };
  explicit JoinedSource(std::string name) : name_(std::move(name)) {}
  // The last part that begins at `offset` or in front of it. Not of no parts.
  const Part& part_at(std::uint64_t offset) const;

  std::string name_;
  std::vector<Part> parts_;
  std::uint64_t size_ = 0, allocated_bytes_ = 0;
};

}  // namespace hardload
