#!/bin/sh
# Row 10: the README's example compiles, and does what Python's Net does with the same weights.
set -eu
example=tests/lesson/readme_example

output=$($example data/lesson/readme.pt)
case $output in
*" 6 "*23*40*) ;;
*) echo "expected 6, 23, 40 and got: $output"; exit 1 ;;
esac

if message=$($example data/lesson/messages.json 2>&1); then
  echo "accepted a file that is no checkpoint"
  exit 1
fi
case $message in
*messages.json*) ;;
*) echo "a poor message: $message"; exit 1 ;;
esac
