#include "fuzz/archive_mutator.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/pickle_mutator.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/zip_archive.h"
#include "tests/support/pickle_builder.h"
#include "tests/support/zip_builder.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace hardload::fuzz {
namespace {

struct Part {
  std::string name, content;
  bool deflate;
};

// The records of the archive in `bytes`; empty where it is none.
std::vector<Part> take_apart(std::span<const std::byte> bytes) {
  const Limits limits{.expansion_slack_bytes = 1 << 20};
  const MemorySource source(bytes, "");
  const auto archive = ZipArchive::open(source, limits);
  std::vector<Part> parts;
  if (!archive.ok()) return parts;
  for (const Record& record : archive->records()) {
    const auto content = read_record(source, record, {.limits = limits, .verify_crc = false});
    if (!content.ok()) continue;
    parts.push_back({std::string(record.name), std::string(content->text()),
                     record.compression == Compression::kDeflated});
  }
  return parts;
}

// What most of a fuzzer's corpus is not: an archive that opens.
std::vector<Part> small_checkpoint() {
  return {{"a/data.pkl",
           testing::PickleBuilder()
               .ordered_dict()
               .mark()
               .text("w")
               .tensor("FloatStorage", "0", 6, {2, 3}, {3, 1})
               .op('u')
               .stop(),
           false},
          {"a/byteorder", "little", false},
          {"a/data/0", std::string(24, '@'), false},
          {"a/version", "3\n", false}};
}

std::string mutated(std::string text, std::size_t room) {
  const std::size_t size = text.size();
  text.resize(size + room);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
  return text;
}

void mutate_parts(std::vector<Part>& parts, std::mt19937& random) {
  const auto pick = [&](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  // data.pkl is where most of the meaning is: every second change goes there.
  std::size_t which = pick(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].name.ends_with("data.pkl") && pick(2) == 0) which = i;
  }
  switch (pick(10)) {
    case 0: parts[which].name = mutated(parts[which].name, 8); break;
    case 1: parts.push_back(parts[which]); break;
    case 2: parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(which)); break;
    case 3: std::swap(parts[which], parts[pick(parts.size())]); break;
    case 4: parts[which].deflate = !parts[which].deflate; break;
    default: {
      std::string& content = parts[which].content;
      content = parts[which].name.ends_with("data.pkl")
                    ? mutate_pickle(content, content.size() + 64, random)
                    : mutated(content, 64);
      break;
    }
  }
}

std::string put_together(const std::vector<Part>& parts) {
  testing::ZipBuilder zip(/*alignment=*/0);
  for (const Part& part : parts) {
    // An empty record has no descriptor, deflated or not.
    zip.add(part.name, part.content, {.deflate = part.deflate && !part.content.empty()});
  }
  return zip.build();
}

}  // namespace

std::size_t mutate_archive(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Part> parts;
  if (random() % 8 != 0) parts = take_apart(as_bytes(data, size));
  if (parts.empty() && random() % 2 == 0) parts = small_checkpoint();
  if (parts.empty()) return LLVMFuzzerMutate(data, size, max_size);
  mutate_parts(parts, random);
  const std::string bytes = put_together(parts);
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace hardload::fuzz
