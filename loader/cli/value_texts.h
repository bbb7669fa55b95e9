// ValueTexts: values and paths as texts that are equal exactly where inspect's JSON is.
//
//   ValueTexts texts(manifest);
//   if (texts.key(dict.key(0)) == "\"epoch\"") ...
//
// Ownership: borrows the manifest. Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/cli/json_writer.h"
#include "loader/manifest/manifest.h"

namespace hardload {

class ValueTexts {
 public:
  explicit ValueTexts(const Manifest& manifest)
      : manifest_(manifest), json_([this](std::string_view part) { text_ += part; }) {
    json_.begin_array();
  }

  // One line of ASCII.
  std::string value(Value value);
  std::string key(Value key);
  // nullopt where it has more than `most` bytes.
  std::optional<std::string> path(const NamedTensor& named, std::uint64_t most = kNoLimit);

 private:
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  std::string take();

  const Manifest& manifest_;
  std::string text_;
  JsonWriter json_;  // of an array without end, so that its buffer is made once
};

}  // namespace hardload
