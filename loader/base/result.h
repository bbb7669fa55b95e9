// Result<T>: a T, or the Error that kept it from existing.
//
// Every function that can fail returns one, and the compiler warns where it is dropped. Inside the
// library the two macros hand errors on; at the front door a caller picks a style:
//
//   Result<Manifest> manifest = describe(source);
//   if (!manifest.ok()) return manifest.error().display();     // errors as values
//   Manifest m = describe(source).value();                     // or as an exception, BadFile
//
// Ownership: owns its T or its Error. Threads: like its T.
#pragma once

#include <optional>
#include <stdexcept>
#include <utility>

#include "loader/base/error.h"

namespace hardload {

// What Result::value() throws. what() is the error's display().
class BadFile : public std::runtime_error {
 public:
  explicit BadFile(Error error) : std::runtime_error(error.display()), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  // The error. Only where !ok().
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

  // The value; throws BadFile where there is none.
  T& value() & { return require(), *value_; }
  const T& value() const& { return require(), *value_; }
  T&& value() && { return require(), *std::move(value_); }

  // The value. Only where ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  void require() const {
    if (!ok()) throw BadFile(*error_);
  }

  std::optional<T> value_;
  OptionalError error_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }
  void value() const {
    if (!ok()) throw BadFile(*error_);
  }

 private:
  OptionalError error_;
};

}  // namespace hardload

#define HARDLOAD_CONCAT_(a, b) a##b
#define HARDLOAD_CONCAT(a, b) HARDLOAD_CONCAT_(a, b)

// HARDLOAD_TRY(expr): evaluates a Result, returns its error from the enclosing function if any.
#define HARDLOAD_TRY(expr)                                                 \
  do {                                                                     \
    if (auto hardload_result = (expr); !hardload_result.ok()) [[unlikely]] \
      return std::move(hardload_result).error();                           \
  } while (false)

// HARDLOAD_ASSIGN(auto x, expr): the same, and puts the value in `x`.
#define HARDLOAD_ASSIGN(target, expr) \
  HARDLOAD_ASSIGN_(HARDLOAD_CONCAT(hardload_result_, __LINE__), target, expr)
#define HARDLOAD_ASSIGN_(result, target, expr) \
  auto result = (expr);                        \
  if (!result.ok()) [[unlikely]]               \
    return std::move(result).error();          \
  target = *std::move(result)
