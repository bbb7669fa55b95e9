// What tests of the pickle room share: running a pickle that is given as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/bytes/buffer.h"
#include "loader/pickle/machine.h"
#include "tests/pickle/show.h"
#include "tests/support/matchers.h"

namespace hardload::testing {

inline constexpr std::string_view kRecord = "model/data.pkl";

inline Buffer buffer_of(std::string_view bytes) {
  return Buffer::read(source_of(bytes), 0, bytes.size()).value();
}

inline Result<ValueGraph> run(std::string_view pickle, const Limits& limits = {},
                              Unlisted unlisted = Unlisted::kRefuse,
                              Dialect dialect = Dialect::kPython) {
  return run_pickle(buffer_of(pickle), kRecord, limits, unlisted, dialect);
}

// The object that `pickle` makes, as show() has it, or else the error.
inline std::string result_of(std::string_view pickle, const Limits& limits = {},
                             Unlisted unlisted = Unlisted::kRefuse) {
  const auto graph = run(pickle, limits, unlisted);
  return graph.ok() ? show(Value(*graph, graph->root)) : graph.error().message();
}

// Whether `pickle` is refused with `kind` at the instruction at `offset`, with `part` in the
// message.
inline ::testing::AssertionResult is_refused(std::string_view pickle, ErrorKind kind,
                                             std::uint64_t offset, std::string_view part,
                                             const Limits& limits = {}) {
  const auto graph = run(pickle, limits);
  auto as_expected = is_error(graph, kind, part);
  if (!as_expected) return as_expected;
  const Error& error = graph.error();
  if (error.stage() != Stage::kPickle || error.record() != kRecord || error.offset() != offset) {
    return ::testing::AssertionFailure() << "not at byte " << offset << ": " << error.display();
  }
  return ::testing::AssertionSuccess();
}

}  // namespace hardload::testing

#define EXPECT_REFUSED(...) EXPECT_TRUE(::hardload::testing::is_refused(__VA_ARGS__))
