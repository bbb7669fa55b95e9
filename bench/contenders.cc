// How one row is measured: the answer checked first, then samples, each in primed memory.

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include <benchmark/benchmark.h>

#include "bench/cases.h"
#include "bench/ceiling.h"
#include "bench/machine.h"
#include "loader/torch/devices.h"

namespace hardload::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Takes one sample: `work` returns what it made, which is freed after the clock has stopped.
template <typename Work>
void sample(benchmark::State& state, std::uint64_t bytes, const Work& work) {
  for (auto _ : state) {
    prime_memory(std::min(4 * bytes, available_memory() / 2));
    const auto start = Clock::now();
    const auto result = work();
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    benchmark::DoNotOptimize(&result);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(bytes));
}

// Why there is nothing to measure on this machine; empty where there is.
std::string absence(const std::optional<std::string>& map_location) {
  if (!map_location || !map_location->starts_with("cuda")) return "";
  return machine_devices().count("cuda").value_or(0) > 0 ? "" : "skipped: no device";
}

int samples = 0;

}  // namespace

void register_row(const std::string& name, int repetitions,
                  std::function<void(benchmark::State&)> row) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(row))
      ->UseManualTime()
      ->Iterations(1)
      ->Repetitions(repetitions)
      ->Unit(benchmark::kMillisecond);
  samples += repetitions;
}

int registered_samples() { return samples; }

void register_peer(const std::string& name, int repetitions, const Peer& peer,
                   const Subject& subject, const std::optional<std::string>& map_location) {
  const auto is_checked = std::make_shared<bool>(false);
  register_row(name, repetitions, [=, &peer](benchmark::State& state) {
    std::string reason = absence(map_location);
    if (const auto refusal = peer.refusal(subject, map_location);
        reason.empty() && !refusal.empty()) {
      reason = "skipped: " + refusal;
    }
    try {
      if (reason.empty() && !*is_checked && map_location != "meta") {
        const std::string fault = subject.check(peer.load(subject, map_location));
        if (!fault.empty()) reason = "wrong answer: " + fault;
      }
      *is_checked = true;
      if (reason.empty()) {
        sample(state, subject.bytes, [&] { return peer.load(subject, map_location); });
      }
    } catch (const std::exception& error) {
      reason = std::string("failed: ") + error.what();
    }
    if (!reason.empty()) state.SkipWithError(reason.c_str());
  });
}

void register_contenders(const std::string& question, const Setup& setup, int repetitions,
                         const Subject& subject) {
  const std::string row = question + "/" + subject.name + "/";
  for (const auto& peer : setup.peers) {
    register_peer(row + peer->name(), repetitions, *peer, subject, std::nullopt);
  }
  register_row(row + "ceiling: pread", repetitions, [=](benchmark::State& state) {
    sample(state, subject.bytes, [&] { return pread_file(subject.path); });
  });
  register_row(row + "ceiling: memcpy", repetitions, [=](benchmark::State& state) {
    const MappedFile file(subject.path);
    sample(state, subject.bytes, [&] { return file.memcpy_file(); });
  });
}

}  // namespace hardload::bench
