// ConvertCommand: `hardload convert IN OUT`, its options and what it says.
//
//   ConvertCommand convert(app);
//   ...                                        // the command line is parsed
//   if (convert.is_chosen()) done = convert.run();
#pragma once

#include <string>

#include "loader/base/result.h"

namespace CLI {
class App;
}

namespace hardload {

class ConvertCommand {
 public:
  // Adds it to `app`, which keeps references to this object.
  explicit ConvertCommand(CLI::App& app);
  ConvertCommand(const ConvertCommand&) = delete;
  ConvertCommand& operator=(const ConvertCommand&) = delete;

  bool is_chosen() const;

  // Errors: kUnsupported for options that are wrong: the name of the new file does not tell its
  // format, the size of shards is none, shards of another format than safetensors.
  Result<void> check() const;

  // Converts; prints a line on stdout, and on stderr what goes lost and, on a terminal, how far it
  // is. Ctrl-C stops it. Errors: those of opening, describe and convert; kUnsupported where the
  // name of the new file does not tell its format.
  Result<void> run() const;

 private:
  CLI::App* command_;
  std::string in_, out_, to_, max_shard_size_;
  bool allow_loss_ = false, overwrite_ = false;
};

}  // namespace hardload
