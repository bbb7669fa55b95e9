// guarded: the border where LibTorch's exceptions become Errors.
#pragma once

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include <c10/util/Exception.h>

#include "loader/base/result.h"

namespace hardload {

// Calls `work`, which returns a Result, and turns what it throws into an Error: kOutOfMemory for
// memory (LibTorch reports that as an ordinary c10::Error whose text says so), kUnsupported else.
template <typename Work>
std::invoke_result_t<Work> guarded(Work&& work) try {
  return std::forward<Work>(work)();
} catch (const c10::OutOfMemoryError& error) {
  return Error(ErrorKind::kOutOfMemory, Stage::kTorch, error.what_without_backtrace());
} catch (const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const bool memory = text.find("not enough memory") != text.npos ||
                      text.find("can't allocate memory") != text.npos;
  return Error(memory ? ErrorKind::kOutOfMemory : ErrorKind::kUnsupported, Stage::kTorch, text);
} catch (const std::bad_alloc&) {
  return Error(ErrorKind::kOutOfMemory, Stage::kTorch, "memory ran out");
} catch (const std::exception& error) {
  return Error(ErrorKind::kUnsupported, Stage::kTorch, error.what());
}

}  // namespace hardload
