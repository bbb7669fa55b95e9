#!/usr/bin/env bash
# Lesson row 3: passing a file name to load_state_dict does not compile, and the compiler's message
# says to load the file first. Passing a state dict compiles.
set -u
compiler=$(command -v clang++ || command -v g++)
failures=0
expect() {  # ARGUMENT refused|accepted
  output=$("$compiler" -std=c++20 -fsyntax-only -I. "-DARGUMENT=$1" tests/lesson/file_name.cc 2>&1)
  status=$?
  if [ "$2" = accepted ] && [ $status -eq 0 ]; then return; fi
  if [ "$2" = refused ] && [ $status -ne 0 ] && grep -q 'Load the file first' <<<"$output"; then return; fi
  echo "load_state_dict(module, $1) should be $2, but: $output"
  failures=$((failures + 1))
}
expect state accepted
expect '"model.pth"' refused
expect literal refused
expect text refused
expect view refused
expect path refused
exit $failures
