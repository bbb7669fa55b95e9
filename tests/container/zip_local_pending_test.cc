// Not in BUILD: what the attack catalogue calls Bounds and locate_records calls Container.

#include <string>

#include <gtest/gtest.h>

#include "tests/container/bytes.h"
#include "tests/container/stages.h"
#include "tests/support/matchers.h"
#include "tests/support/zip_builder.h"

namespace hardload::zip {
namespace {

using testing::located;
using testing::u16;
using testing::ZipBuilder;

// Bytes 26 and 28 of a local header hold the lengths of name and extra field.
TEST(LocateRecords, RefusesNamesAndExtraFieldsThatReachPastTheFile) {  // Z14
  const std::string file = ZipBuilder(0).add("m/a", "abc").add("m/b", "defg").build();
  ASSERT_OK(located(file));
  for (const std::size_t at : {26u, 28u, 52u + 26u, 52u + 28u}) {
    for (const int length : {0x7000, 0xFFFF}) {
      EXPECT_ERROR(located(testing::patched(file, at, u16(static_cast<std::uint16_t>(length)))),
                   ErrorKind::kBounds, "which reach past byte")
          << at;
    }
  }
}

}  // namespace
}  // namespace hardload::zip
