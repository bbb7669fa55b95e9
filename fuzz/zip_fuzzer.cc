// Property: what ZipArchive::open accepts is an archive in which every record lies inside the file,
// no two overlap, names are unique and found again, and reading a record gives its declared size.

#include <algorithm>
#include <vector>

#include "fuzz/archive_mutator.h"
#include "fuzz/check.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/zip_archive.h"

namespace {

using namespace hardload;

fuzz::Milestones<2> milestones({"past the directory", "all records readable"});

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return fuzz::mutate_archive(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  milestones.begin();
  const Limits limits{.expansion_slack_bytes = 1 << 20};
  const MemorySource source(fuzz::as_bytes(data, size), "input");
  const auto archive = ZipArchive::open(source, limits);
  if (!archive.ok()) {
    fuzz::check(!archive.error().display().empty(), "an error has a message");
    return 0;
  }
  milestones.reach(0);

  std::vector<const Record*> by_place;
  bool readable = true;
  for (const Record& record : archive->records()) {
    fuzz::check(archive->find(record.name) == &record, "each name finds its record");
    fuzz::check(record.data_offset <= size && record.stored_bytes <= size - record.data_offset,
                "each record lies inside the file");
    by_place.push_back(&record);
    const auto content = read_record(source, record, {.limits = limits});
    fuzz::check(!content.ok() || content->size() == record.bytes, "content has its declared size");
    fuzz::check(content.ok() == verify_record(source, record, limits).ok(),
                "verify_record agrees with read_record");
    readable = readable && content.ok();
  }
  std::sort(by_place.begin(), by_place.end(),
            [](const Record* a, const Record* b) { return a->header_offset < b->header_offset; });
  for (std::size_t i = 1; i < by_place.size(); ++i) {
    fuzz::check(
        by_place[i - 1]->data_offset + by_place[i - 1]->stored_bytes <= by_place[i]->header_offset,
        "no two records overlap");
  }
  if (readable) milestones.reach(1);
  return 0;
}
