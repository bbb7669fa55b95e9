// Records as zip tools other than torch write them: no data descriptor and no padding, the values
// in the local header, a time, a Unix file mode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loader/container/crc32.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::testing {

inline RecordTweaks by_other_tool(std::string_view content, bool deflate = false) {
  const std::uint32_t crc = crc32(as_bytes(content));
  const auto bytes = static_cast<std::uint32_t>(content.size());
  const auto stored_bytes = deflate ? static_cast<std::uint32_t>(deflated(content).size()) : bytes;
  return {.deflate = deflate,
          .local =
              [=](LocalFields& f) {
                f.version = 20;
                f.flags = 0;
                f.time = 0x63cf;
                f.date = 0x5921;
                f.crc32 = crc;
                f.stored_bytes = stored_bytes;
                f.bytes = bytes;
              },
          .descriptor = [](DescriptorFields& f) { f.present = false; },
          .central =
              [](CentralFields& f) {
                f.made_by = 0x0314;
                f.version = 20;
                f.flags = 0;
                f.time = 0x63cf;
                f.date = 0x5921;
                f.external_attributes = 0600u << 16;
              }};
}

// by_other_tool, with `change` applied to the local fields after it.
template <typename Change>
RecordTweaks by_other_tool_with_local(std::string_view content, Change change) {
  RecordTweaks tweaks = by_other_tool(content);
  tweaks.local = [usual = tweaks.local, change](LocalFields& f) {
    usual(f);
    change(f);
  };
  return tweaks;
}

// by_other_tool, with `change` applied to the central fields after it.
template <typename Change>
RecordTweaks by_other_tool_with_central(std::string_view content, Change change) {
  RecordTweaks tweaks = by_other_tool(content);
  tweaks.central = [usual = tweaks.central, change](CentralFields& f) {
    usual(f);
    change(f);
  };
  return tweaks;
}

}  // namespace hardload::testing
