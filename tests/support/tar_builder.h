// TarBuilder: tar files for tests, header by header.
//
//   std::string bytes = TarBuilder().add("pickle", pickle).build();
//
// Makes no checks: wrong archives are the point.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace hardload::testing {

// A block of 512 bytes. Its checksum is right; `sum` is added to it.
inline std::string tar_header(std::string_view name, std::uint64_t size, char type = '0',
                              std::string_view magic = {"ustar\00000", 8}, unsigned sum = 0) {
  std::string block(512, '\0');
  char octal[16];
  const auto put = [&](std::size_t at, std::string_view text) {
    block.replace(at, text.size(), text);
  };
  put(0, name);
  put(100, "0000600");
  std::snprintf(octal, sizeof octal, "%011llo", static_cast<unsigned long long>(size));
  put(124, octal);
  put(136, "00000000000");
  put(148, "        ");
  put(156, std::string_view(&type, 1));
  put(257, magic);
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(octal, sizeof octal, "%06o", sum);
  put(148, std::string_view(octal, 7));
  return block;
}

class TarBuilder {
 public:
  TarBuilder& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  TarBuilder& add(std::string_view name, std::string_view content, char type = '0') {
    return raw(tar_header(name, content.size(), type)).fill(content);
  }
  // A pax header for the next member.
  TarBuilder& pax(std::string_view lines) { return add("./PaxHeaders/x", lines, 'x'); }
  // Content up to the end of its block.
  TarBuilder& fill(std::string_view content) {
    out_ += content;
    out_.resize((out_.size() + 511) / 512 * 512);
    return *this;
  }
  const std::string& bytes() const { return out_; }
  std::string build(std::size_t zeros = 1024) const { return out_ + std::string(zeros, '\0'); }

 private:
  std::string out_;
};

}  // namespace hardload::testing
