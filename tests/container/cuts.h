// What explain_cut has to say of files that were cut. `cut` is what is left of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/memory_source.h"
#include "loader/container/zip_archive.h"
#include "loader/container/zip_cut.h"
#include "loader/container/zip_end.h"
#include "tests/support/matchers.h"

namespace hardload::testing {

inline void expect_explained(std::string_view cut, std::string_view record,
                             const std::string& explanation) {
  const Error error = zip::explain_cut(source_of(cut));
  EXPECT_EQ(error.kind(), ErrorKind::kContainer);
  EXPECT_EQ(error.offset(), cut.size());
  EXPECT_EQ(error.record(), record) << "cut at " << cut.size();
  EXPECT_EQ(error.problem(), "the zip file is cut short: it has " + std::to_string(cut.size()) +
                                 " bytes and no end record" + explanation);
  EXPECT_NE(error.advice().find("fetch the file again"), std::string_view::npos);
}

// The file stops in the record `name`, of whose content and descriptor `present` bytes are there.
inline void expect_cut_in(std::string_view cut, std::string_view name, std::uint64_t present) {
  expect_explained(cut, name,
                   present == 0
                       ? "; it stops before the first byte of this record"
                       : "; it stops after " + std::to_string(present) + " bytes of this record");
}

// The file stops behind the record `name`, and no other record begins there.
inline void expect_cut_behind(std::string_view cut, std::string_view name) {
  expect_explained(cut, "",
                   "; it stops behind the record '" + std::string(name) + "', which is whole");
}

// No record begins.
inline void expect_cut_nowhere(std::string_view cut) { expect_explained(cut, "", ""); }

// Where a record shows its name, its first byte, and that it is whole.
struct Place {
  std::string name;
  std::uint64_t named, data, whole;
};

// As the directory of the uncut file tells it.
inline std::vector<Place> places_in(std::string_view file) {
  const MemorySource source = source_of(file);
  const ZipArchive archive = ZipArchive::open(source, {}).value();
  const auto records = archive.records();
  const auto named = [](const Record& r) { return r.header_offset + 30 + r.name.size(); };
  std::vector<Place> places;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    const bool is_last = i + 1 == records.size();
    std::uint64_t whole =
        is_last ? zip::find_directory(source, {}).value().offset : records[i + 1].header_offset;
    // A flag announces a descriptor, which empty records have not: only the next name tells.
    const bool lacks_descriptor = (record.flags & 8) != 0 && whole == record.data_offset;
    if (lacks_descriptor && !is_last) whole = named(records[i + 1]);
    places.push_back({std::string(record.name), named(record), record.data_offset, whole});
  }
  return places;
}

inline void expect_every_cut_is_explained(std::string_view file) {
  ASSERT_OK(ZipArchive::open(source_of(file), {}));
  const std::vector<Place> places = places_in(file);
  const Place* place = nullptr;
  auto next = places.begin();
  for (std::size_t size = 0; size < file.size(); ++size) {
    if (next != places.end() && next->named <= size) place = &*next++;
    const std::string_view cut = file.substr(0, size);
    if (place == nullptr) {
      expect_cut_nowhere(cut);
    } else if (size >= place->whole) {
      expect_cut_behind(cut, place->name);
    } else {
      expect_cut_in(cut, place->name, size > place->data ? size - place->data : 0);
    }
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(next, places.end());
}

}  // namespace hardload::testing
