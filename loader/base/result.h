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

#include <stdexcept>
#include <utility>
#include <variant>

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
  Result(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<0>, std::move(error)) {}

  bool ok() const { return state_.index() == 1; }
  explicit operator bool() const { return ok(); }

  // The error. Only where !ok().
  const Error& error() const& { return std::get<0>(state_); }
  Error&& error() && { return std::get<0>(std::move(state_)); }

  // The value; throws BadFile where there is none.
  T& value() & { return require(), std::get<1>(state_); }
  const T& value() const& { return require(), std::get<1>(state_); }
  T&& value() && { return require(), std::get<1>(std::move(state_)); }

  // The value. Only where ok().
  T& operator*() & { return *std::get_if<1>(&state_); }
  const T& operator*() const& { return *std::get_if<1>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<1>(&state_)); }
  T* operator->() { return std::get_if<1>(&state_); }
  const T* operator->() const { return std::get_if<1>(&state_); }

 private:
  void require() const {
    if (!ok()) throw BadFile(std::get<0>(state_));
  }

  std::variant<Error, T> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }
  void value() const {
    if (!ok()) throw BadFile(std::get<1>(state_));
  }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace hardload

#define HARDLOAD_CONCAT_(a, b) a##b
#define HARDLOAD_CONCAT(a, b) HARDLOAD_CONCAT_(a, b)

// HARDLOAD_TRY(expr): evaluates a Result, returns its error from the enclosing function if any.
#define HARDLOAD_TRY(expr)                                                    \
  do {                                                                        \
    if (auto hardload_result = (expr); !hardload_result.ok()) [[unlikely]]    \
      return std::move(hardload_result).error();                              \
  } while (false)

// HARDLOAD_ASSIGN(auto x, expr): the same, and puts the value in `x`.
#define HARDLOAD_ASSIGN(target, expr) \
  HARDLOAD_ASSIGN_(HARDLOAD_CONCAT(hardload_result_, __LINE__), target, expr)
#define HARDLOAD_ASSIGN_(result, target, expr)                   \
  auto result = (expr);                                          \
  if (!result.ok()) [[unlikely]] return std::move(result).error(); \
  target = *std::move(result)
