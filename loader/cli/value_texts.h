// ValueTexts: values and paths as texts that are equal exactly where inspect's JSON is.
//
//   ValueTexts texts(manifest);
//   if (texts.key(dict.key(0)) == "\"epoch\"") ...
//
// Ownership: borrows the manifest. Threads: one at a time.
#pragma once

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
  std::string path(const NamedTensor& named);

 private:
  std::string take();

  const Manifest& manifest_;
  std::string text_;
  JsonWriter json_;  // of an array without end, so that its buffer is made once
};

}  // namespace hardload
