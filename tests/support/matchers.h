// What tests say about results and bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/base/result.h"
#include "loader/bytes/memory_source.h"

namespace hardload::testing {

template <typename T>
::testing::AssertionResult is_ok(const Result<T>& result) {
  if (result.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().display();
}

// Whether `result` is an error of `kind` whose message contains `part`.
template <typename T>
::testing::AssertionResult is_error(const Result<T>& result, ErrorKind kind,
                                    std::string_view part = {}) {
  if (result.ok()) return ::testing::AssertionFailure() << "succeeded";
  const Error& error = result.error();
  if (error.kind() != kind || error.message().find(part) == std::string::npos) {
    return ::testing::AssertionFailure() << error.display();
  }
  if (error.advice().empty()) return ::testing::AssertionFailure() << "gives no advice";
  return ::testing::AssertionSuccess();
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Borrows `bytes`.
inline MemorySource source_of(std::string_view bytes) {
  return MemorySource(as_bytes(bytes), "test");
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace hardload::testing

#define EXPECT_OK(result) EXPECT_TRUE(::hardload::testing::is_ok(result))
#define ASSERT_OK(result) ASSERT_TRUE(::hardload::testing::is_ok(result))
#define EXPECT_ERROR(result, ...) EXPECT_TRUE(::hardload::testing::is_error(result, __VA_ARGS__))
