// transfer asks the sink for no memory where a record is beyond the expansion limit.

#include <string>

#include <gtest/gtest.h>

#include "loader/manifest/describe.h"
#include "loader/transfer/transfer.h"
#include "tests/support/matchers.h"
#include "tests/transfer/storages.h"

namespace hardload {
namespace {

// C04: "Limit, checked before allocating". The file is large enough for the sum.
TEST(TransferLimit, RefusesADeflatedRecordBeforeItAllocates) {
  const std::string bytes =
      testing::checkpoint_of({{testing::pattern(100'000, 1)},
                              {std::string(200'000, '\0'), "ByteStorage", {.deflate = true}}})
          .build();
  const auto manifest = describe(testing::source_of(bytes), {});
  ASSERT_OK(manifest);
  const testing::ScriptedSource source(bytes);
  testing::MemorySink sink;
  const Limits limits = {.max_expansion = 10, .expansion_slack_bytes = 0};
  EXPECT_ERROR(transfer(source, *manifest, testing::first_numbers(2), sink, {.limits = limits}),
               ErrorKind::kLimit, "over max_expansion");
  EXPECT_TRUE(sink.storages().empty());
  EXPECT_EQ(source.reads, 0);
}

}  // namespace
}  // namespace hardload
