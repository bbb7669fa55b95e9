// run_pickle: a checkpoint's data.pkl as a graph of values, without running anything.
//
// A pickle is a program for a stack machine with a memo. This is that machine for protocol 2 (and,
// for Dialect::kDistributed alone, for what Python's pickler writes of protocols 4 and 5), with one
// difference to Python's: names are looked up in a table of data constructors (globals.h) and
// never imported or called. Every operand is checked where it is used; memory and time are linear
// in the pickle's size.
//
//   HARDLOAD_ASSIGN(ValueGraph graph, run_pickle(std::move(bytes), "model/data.pkl", limits));
//   Value root(graph, graph.root);
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/bytes/buffer.h"
#include "loader/pickle/value.h"

namespace hardload {

// Where persistent ids are numbers, as in torch 0.1: what a number stands for, kTensor or kStorage;
// nullopt for one that stands for nothing.
using NumberedKinds = std::function<std::optional<ValueKind>(std::int64_t)>;

// Runs `pickle`, which the result keeps: strings lie in it. `record` names it in errors. Errors,
// with the offset of the opcode: kPickle for a malformed program; kUnsupported for another
// protocol; kLimit; kGlobal, after the whole pickle was read, naming every name in it that is not
// in the table of the dialect, unless these are to be kept; kPersId. With `numbered`, persistent
// ids are numbers.
Result<ValueGraph> run_pickle(Buffer pickle, std::string_view record, const Limits& limits,
                              Unlisted unlisted = Unlisted::kRefuse,
                              Dialect dialect = Dialect::kPython,
                              const NumberedKinds* numbered = nullptr);

}  // namespace hardload
