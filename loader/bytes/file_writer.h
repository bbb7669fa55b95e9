// FileWriter: a file that takes the place of another one all at once, or not at all.
//
//   HARDLOAD_ASSIGN(FileWriter file, FileWriter::open("model.pth"));
//   HARDLOAD_TRY(file.write(bytes));
//   HARDLOAD_TRY(file.commit());       // now, and not before, "model.pth" is the new file
//
// What is written goes to a temporary file in the same folder, which only its owner may read, under
// a name that nobody can guess. commit() brings it to the disk, gives it the permissions of the
// file that it replaces (else those of any new file) and renames it over that. Whoever has the old
// file open or mapped keeps it whole. Without commit(), and after any error, the temporary file is
// removed and what was there stays as it was. A crash can leave ".NAME.RANDOM.tmp" behind.
//
// A symbolic link is not followed: its target may lie in a folder that the caller never named. With
// `replace_link` the link itself is replaced; what it pointed to stays. The owner of the new file
// is who writes it; other hard links to the old file keep the old content.
//
// Ownership: owns the temporary file and its descriptors; moves. Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "loader/bytes/byte_sink.h"

namespace hardload {

struct FileWriterOptions {
  bool replace_link = false;  // where the path is a symbolic link; without it, that is an error
  // Waits until file and folder are on the disk, so that a power failure leaves either the old file
  // or the new one. Without it, such a failure may leave an empty file.
  bool sync = true;
};

class FileWriter final : public ByteSink {
 public:
  // Errors: kIo where the folder is absent or cannot be written to, or where `path` is a link;
  // kNotRegular where a folder, pipe, socket or device is there.
  static Result<FileWriter> open(const std::string& path, const FileWriterOptions& options = {});

  ~FileWriter() override;
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&&) = delete;

  Result<void> write(std::span<const std::byte> bytes) override;

  // Puts the file in its place. Nothing may be written afterwards. Errors: kIo; the old file is
  // still there, except where the error says that the folder could not be synced.
  Result<void> commit();

 private:
  FileWriter(std::string path, const FileWriterOptions& options)
      : path_(std::move(path)), options_(options) {}

  Result<void> open_folder();
  Result<void> check_target();
  Result<void> create_temporary();
  Result<void> flush();
  Result<void> write_all(std::span<const std::byte> bytes);
  Result<void> close_file();
  void discard();
  Error failed(std::string_view what, int number) const;

  std::string path_;  // as the caller gave it, for messages
  FileWriterOptions options_;
  std::string name_;       // of the target in its folder
  std::string temporary_;  // in the same folder; empty when there is none
  mode_t mode_ = 0;        // of the file to be
  int folder_ = -1;
  int file_ = -1;
  std::vector<std::byte> pending_;  // small writes, gathered
};

}  // namespace hardload
