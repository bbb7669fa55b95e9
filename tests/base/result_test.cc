// Result holds a value or an error, hands either on by the macros, and throws only in value().

#include "loader/base/result.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hardload {
namespace {

Error some_error() {
  return Error(ErrorKind::kLimit, Stage::kPickle, "too \x1b much").in_record("r").at(3);
}

Result<std::string> half(int number) {
  if (number % 2 != 0) return some_error();
  return std::to_string(number / 2);
}

template <typename Call>
void expect_bad_file(const Call& call) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const BadFile& thrown) {
    EXPECT_EQ(thrown.error().kind(), ErrorKind::kLimit);
    EXPECT_EQ(thrown.error().message(), some_error().message());
    EXPECT_EQ(thrown.what(), some_error().display());
  }
}

TEST(Result, HoldsAValue) {
  Result<std::string> result = half(4);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, "2");
  EXPECT_EQ(result->size(), 1u);
  EXPECT_EQ(result.value(), "2");
  result.value() += "!";
  EXPECT_EQ(std::as_const(result).value(), "2!");
  EXPECT_EQ(*std::as_const(result), "2!");
  EXPECT_EQ(std::as_const(result)->size(), 2u);
}

TEST(Result, HoldsAnError) {
  Result<std::string> result = half(3);
  ASSERT_FALSE(result.ok());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().message(), some_error().message());
  const Error taken = std::move(result).error();
  EXPECT_EQ(taken.message(), some_error().message());
}

TEST(Result, ValueThrowsTheErrorAndKeepsIt) {
  Result<std::string> result = half(3);
  expect_bad_file([&] { result.value(); });
  expect_bad_file([&] { std::as_const(result).value(); });
  expect_bad_file([&] { std::move(result).value(); });
  EXPECT_EQ(result.error().message(), some_error().message());
}

TEST(Result, IsCaughtAsARuntimeError) {
  EXPECT_THROW(static_cast<void>(half(1).value()), std::runtime_error);
  EXPECT_NO_THROW(static_cast<void>(half(2).value()));
}

TEST(Result, MovesValuesThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> by_value = std::move(result).value();
  EXPECT_EQ(*by_value, 7);
  Result<std::unique_ptr<int>> other(std::make_unique<int>(8));
  const std::unique_ptr<int> by_star = *std::move(other);
  EXPECT_EQ(*by_star, 8);
}

TEST(ResultOfVoid, IsOkOrHoldsAnError) {
  const Result<void> fine;
  EXPECT_TRUE(fine.ok());
  EXPECT_TRUE(static_cast<bool>(fine));
  EXPECT_NO_THROW(fine.value());

  const Result<void> failed = some_error();
  EXPECT_FALSE(failed.ok());
  EXPECT_FALSE(static_cast<bool>(failed));
  EXPECT_EQ(failed.error().message(), some_error().message());
  expect_bad_file([&] { failed.value(); });
}

// Counts how far it got.
Result<void> try_each(std::initializer_list<int> numbers, int& done) {
  for (const int number : numbers) {
    HARDLOAD_TRY(half(number));
    ++done;
  }
  return {};
}

TEST(HardloadTry, ReturnsTheFirstError) {
  int done = 0;
  EXPECT_TRUE(try_each({2, 4, 6}, done).ok());
  EXPECT_EQ(done, 3);
  done = 0;
  const Result<void> result = try_each({2, 3, 4, 5}, done);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message(), some_error().message());
  EXPECT_EQ(done, 1);
}

Result<std::string> try_if(bool condition, Result<void>& tried) {
  if (condition) HARDLOAD_TRY(tried);
  return std::string("end");
}

TEST(HardloadTry, IsOneStatement) {
  Result<void> failed = some_error();
  EXPECT_TRUE(try_if(false, failed).ok());
  EXPECT_FALSE(try_if(true, failed).ok());
}

Result<std::string> joined(int a, int b) {
  HARDLOAD_ASSIGN(const std::string first, half(a));
  std::string second;
  HARDLOAD_ASSIGN(second, half(b));
  return first + second;
}

TEST(HardloadAssign, PutsTheValueOrReturnsTheError) {
  EXPECT_EQ(joined(2, 4).value(), "12");
  EXPECT_EQ(joined(1, 4).error().message(), some_error().message());
  EXPECT_EQ(joined(2, 5).error().message(), some_error().message());
}

Result<int> unwrapped(Result<std::unique_ptr<int>> result) {
  HARDLOAD_ASSIGN(const std::unique_ptr<int> pointer, std::move(result));
  return *pointer;
}

TEST(HardloadAssign, MovesTheValue) { EXPECT_EQ(unwrapped(std::make_unique<int>(9)).value(), 9); }

}  // namespace
}  // namespace hardload
