#include "loader/cli/value_texts.h"

#include <utility>

#include "loader/cli/value_json.h"

namespace hardload {

std::string ValueTexts::value(Value value) {
  write_value(json_.new_line(), manifest_, value);
  return take();
}

std::string ValueTexts::key(Value key) {
  write_key(json_.new_line(), manifest_, key);
  return take();
}

std::optional<std::string> ValueTexts::path(const NamedTensor& named, std::uint64_t most) {
  json_.new_line().begin_array();
  for (const Value& key : manifest_.path(named)) {
    if (text_.size() > most) break;  // which is known when the buffer has been full
    write_key(json_, manifest_, key);
  }
  json_.end();
  std::string text = take();
  if (text.size() > most) return std::nullopt;
  return text;
}

// What was written since the last line's end.
std::string ValueTexts::take() {
  json_.flush();
  std::string text = std::exchange(text_, {});
  return text.substr(text.find('\n') + 1);
}

}  // namespace hardload
