#include "fuzz/safetensors_mutator.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz/check.h"
#include "loader/base/text.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/safetensors.h"
#include "tests/support/safetensors_builder.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace hardload::fuzz {
namespace {

struct Type {
  const char* name;
  std::uint64_t bits;
};
constexpr Type kTypes[] = {{"U8", 8},      {"BOOL", 8}, {"F16", 16}, {"F32", 32},    {"F64", 64},
                           {"C64", 64},    {"F4", 4},   {"F4", 4},   {"F6_E2M3", 6}, {"F8_E8M0", 8},
                           {"F6_E3M2", 6}, {"I64", 64}, {"BF16", 16}};

struct Part {
  std::string name;  // in any bytes; written as JSON
  std::size_t type;
  std::vector<std::uint64_t> sizes;
};

struct File {
  std::vector<Part> parts;
  std::vector<std::pair<std::string, std::string>> metadata;
};

// What the file in `bytes` holds, types by chance; empty where it is none.
File take_apart(std::span<const std::byte> bytes, std::mt19937& random) {
  File file;
  const auto opened = SafetensorsFile::open(MemorySource(bytes, ""), {});
  if (!opened.ok()) return file;
  for (std::size_t i = 0; i < opened->records().size(); ++i) {
    const auto sizes = opened->sizes(opened->tensors()[i]);
    file.parts.push_back({std::string(opened->records()[i].name),
                          random() % std::size(kTypes),
                          {sizes.begin(), sizes.end()}});
  }
  for (const auto& [key, value] : opened->metadata()) file.metadata.emplace_back(key, value);
  return file;
}

std::string mutated(std::string text, std::size_t room) {
  const std::size_t size = text.size();
  text.resize(size + room);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
  return text;
}

// As a JSON string. What is no UTF-8 becomes it, except now and then.
std::string quoted(const std::string& text, std::mt19937& random) {
  if (random() % 50 == 0) return concat("\"", text, "\"");
  return nlohmann::json(text).dump(-1, ' ', random() % 2 == 0,
                                   nlohmann::json::error_handler_t::replace);
}

void mutate_file(File& file, std::mt19937& random) {
  const auto pick = [&](std::size_t count) { return random() % count; };
  if (file.parts.empty() || pick(6) == 0) {
    file.parts.push_back({concat("t", pick(8)), pick(std::size(kTypes)), {pick(4), pick(4)}});
  }
  Part& part = file.parts[pick(file.parts.size())];
  switch (pick(7)) {
    case 0: part.name = mutated(part.name, 8); break;
    case 1: part.type = pick(std::size(kTypes)); break;
    case 2: part.sizes.push_back(pick(4)); break;
    case 3: std::swap(part, file.parts[pick(file.parts.size())]); break;
    case 4: file.metadata.emplace_back(concat("k", pick(8)), mutated("v", 16)); break;
    case 5: file.metadata.clear(); break;
    default:
      if (!part.sizes.empty()) part.sizes[pick(part.sizes.size())] = pick(9);
  }
  if (pick(12) == 0) file.parts.erase(file.parts.begin());
}

std::string put_together(const File& file, std::mt19937& random) {
  std::string header = "{";
  std::uint64_t at = 0;
  for (const Part& part : file.parts) {
    std::uint64_t bits = kTypes[part.type].bits;
    std::string sizes = "[";
    for (const std::uint64_t size : part.sizes) {
      append(sizes, sizes.size() == 1 ? "" : ",", size);
      bits = std::min<std::uint64_t>(bits * size, 1 << 20);
    }
    // Now and then a byte too few, too many, or somewhere else.
    const std::uint64_t begin = at + (random() % 100 == 0 ? 1 : 0);
    at += bits / 8 + (random() % 100 == 0 ? 1 : 0);
    append(header, quoted(part.name, random), ":{\"dtype\":\"", kTypes[part.type].name,
           "\",\"shape\":", sizes, "],\"data_offsets\":[", begin, ",", at, "]},");
  }
  append(header, "\"__metadata__\":{");
  for (const auto& [key, value] : file.metadata) {
    append(header, header.back() == '{' ? "" : ",", quoted(key, random), ":",
           quoted(value, random));
  }
  append(header, "}}", std::string(random() % 3, ' '));
  return testing::safetensors(header, std::string(std::min<std::uint64_t>(at, 1 << 16), 'x'));
}

// The header's text changed, and a length that fits it again.
std::string with_mutated_header(std::string_view bytes) {
  std::uint64_t length = 0;
  if (bytes.size() < 8) return testing::safetensors(mutated("{}", 16));
  std::memcpy(&length, bytes.data(), sizeof length);
  length = std::min<std::uint64_t>(length, bytes.size() - 8);
  return testing::safetensors(mutated(std::string(bytes.substr(8, length)), 16),
                              bytes.substr(8 + length));
}

}  // namespace

std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t max_size,
                               unsigned seed) {
  std::mt19937 random(seed);
  const unsigned way = random() % 8;
  if (way == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes;
  if (way <= 2) {
    bytes = with_mutated_header(std::string_view(reinterpret_cast<const char*>(data), size));
  } else {
    File file = take_apart(as_bytes(data, size), random);
    mutate_file(file, random);
    bytes = put_together(file, random);
  }
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace hardload::fuzz
