// One load in a process of its own, as a program does it that has just started.
//
//   fresh_load write FILE BYTES TENSORS   a state dict of so many float tensors; prints its digest
//   fresh_load CASE FILE PRIMED_BYTES     loads it; prints what that took, as a line of JSON
//
// Cases: load, load-no-crc, mapped, list; into, into-no-crc, in-place, in-place-no-crc, each of
// them with -untouched behind it for a module whose memory nobody has touched; warm-in-place,
// warm-in-place-no-crc, the best of five in a row; read, direct, warm-memcpy, the ceilings: the
// same bytes moved by nothing else. The clock runs from the call until every page has been read;
// bench/engine.py runs all of them, beside PyTorch's.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <torch/nn/module.h>
#include <unistd.h>

#include "bench/checkpoint_writer.h"
#include "bench/machine.h"
#include "loader/bytes/file_source.h"
#include "loader/hardload.h"
#include "loader/manifest/describe.h"

namespace hardload::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Tensors = std::vector<at::Tensor>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Seconds since this process was started, in steps of 10 ms.
double seconds_since_exec() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22; ++field) at = text.find(' ', at + 1);
  double uptime = 0;
  std::ifstream("/proc/uptime") >> uptime;
  return uptime - std::stod(text.substr(at)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_seconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A number of /proc/self/status, which are kilobytes.
std::uint64_t status_bytes(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

// The most anonymous memory that `work` has in use at a time beyond what there was before it.
class PeakMemory {
 public:
  PeakMemory() : before_(status_bytes("RssAnon")) {
    sampler_ = std::thread([this] {
      while (!stop_) {
        peak_ = std::max(peak_, status_bytes("RssAnon"));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  std::uint64_t stop() {
    stop_ = true;
    sampler_.join();
    return std::max(peak_, status_bytes("RssAnon")) - before_;
  }

 private:
  std::uint64_t before_, peak_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread sampler_;
};

void read_pages(const at::Tensor& tensor) {
  const auto* bytes = static_cast<const volatile char*>(tensor.const_data_ptr());
  for (std::size_t i = 0; i < tensor.nbytes(); i += 4096) (void)bytes[i];
}

// The sum of a tensor's 64-bit words. A digest is that of all tensors, each times its number, from
// 1; torch_load.py computes the same.
std::uint64_t sum_of_words(const at::Tensor& tensor) {
  std::uint64_t sum = 0;
  const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
  for (std::size_t at = 0; at + 8 <= tensor.nbytes(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, 8);
    sum += word;
  }
  return sum;
}

// A module with a parameter for each tensor of the file.
struct Model : torch::nn::Module {
  Model(const std::string& path, bool initialised) {
    const auto shapes = hardload::load(path, {.map_location = "meta"}).value().state_dict().value();
    for (const StateDictEntry& entry : shapes.entries) {
      at::Tensor tensor =
          initialised ? at::full(entry.tensor.sizes(), 0.5f) : at::empty(entry.tensor.sizes());
      register_parameter(entry.key, std::move(tensor), /*requires_grad=*/false);
    }
  }
};

template <typename Move>
void on_threads(std::size_t bytes, std::size_t piece, unsigned threads, const Move& move) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      for (std::size_t at; (at = next.fetch_add(piece)) < bytes;) {
        move(at, std::min(piece, bytes - at));
      }
    });
  }
  for (std::thread& thread : running) thread.join();
}

unsigned cores() { return std::max(1u, std::thread::hardware_concurrency()); }

// New memory, filled with the file by as little as it takes.
at::Tensor read_file(const std::string& path, bool direct) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
  struct stat status;
  if (file < 0 || ::fstat(file, &status) != 0) throw std::runtime_error("cannot open " + path);
  const auto bytes = static_cast<std::size_t>(status.st_size);
  constexpr std::size_t kHuge = 2 << 20;
  const std::size_t whole = (bytes + kHuge - 1) / kHuge * kHuge;
  auto* memory = static_cast<char*>(std::aligned_alloc(kHuge, whole));
  ::madvise(memory, whole, MADV_HUGEPAGE);
  on_threads(bytes, direct ? 1 << 20 : 4 << 20, direct ? 8 : cores(),
             [&](std::size_t at, std::size_t count) {
               const std::size_t step = direct ? 1 << 20 : 256 << 10;
               for (std::size_t end = at + count; at < end;) {
                 const ssize_t got =
                     ::pread(file, memory + at, std::min(step, whole - at), static_cast<off_t>(at));
                 if (got <= 0) throw std::runtime_error("cannot read " + path);
                 at += static_cast<std::size_t>(got);
               }
             });
  ::close(file);
  return at::from_blob(memory, {static_cast<std::int64_t>(bytes)}, ::free, at::kByte);
}

struct Sample {
  double seconds, cpu;
  std::uint64_t memory;
  Tensors tensors;  // what was loaded; empty for a ceiling
};

// Times `work`, which returns what it loaded, with every page of it read.
Sample timed(const std::function<Tensors()>& work) {
  PeakMemory memory;
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  Tensors tensors = work();
  for (const at::Tensor& tensor : tensors) read_pages(tensor);
  const double seconds = seconds_since(start);
  return {seconds, cpu_seconds() - cpu, memory.stop(), std::move(tensors)};
}

Tensors all_tensors(const Checkpoint& checkpoint) {
  return {checkpoint.tensors().begin(), checkpoint.tensors().end()};
}

Sample load_case(const std::string& path, const LoadOptions& options) {
  return timed([&] { return all_tensors(load(path, options).value()); });
}

Sample into_case(const std::string& path, LoadMode mode, bool verify_crc, bool initialised,
                 std::uint64_t primed, int times) {
  Model model(path, initialised);
  prime_memory(primed);
  const LoadIntoOptions options{.mode = mode, .load = {.verify_crc = verify_crc}};
  Sample best{};
  for (int i = 0; i < times; ++i) {
    Sample sample = timed([&] {
      load_into(model, path, options).value();
      return Tensors(model.parameters());
    });
    if (i == 0 || sample.seconds < best.seconds) best = std::move(sample);
  }
  return best;
}

// Memory to memory, both of which have been used before.
Sample memcpy_case(const std::string& path) {
  const at::Tensor from = read_file(path, /*direct=*/false), to = at::empty_like(from);
  const auto* source = static_cast<const char*>(from.const_data_ptr());
  auto* target = static_cast<char*>(to.mutable_data_ptr());
  Sample best{};
  for (int i = 0; i < 6; ++i) {
    Sample sample = timed([&] {
      on_threads(from.nbytes(), 4 << 20, cores(), [&](std::size_t at, std::size_t count) {
        std::memcpy(target + at, source + at, count);
      });
      return Tensors();
    });
    if (i == 1 || (i > 1 && sample.seconds < best.seconds)) best = std::move(sample);
  }
  return best;
}

Sample list_case(const std::string& path) {
  return timed([&] {
    const auto source = FileSource::open(path).value();
    const Manifest manifest = describe(*source, {}).value();
    std::size_t bytes = 0;
    for (const NamedTensor& named : manifest.named_tensors()) bytes += manifest.name(named).size();
    if (bytes == 0) throw std::runtime_error("nothing was listed");
    return Tensors();
  });
}

Sample run_case(std::string_view name, const std::string& path, std::uint64_t primed) {
  const auto takes = [&](std::string_view word) { return name.find(word) != name.npos; };
  const bool verify_crc = !takes("no-crc");
  if (takes("into") || takes("in-place")) {
    return into_case(path, takes("in-place") ? LoadMode::kInPlace : LoadMode::kStaged, verify_crc,
                     !takes("untouched"), primed, takes("warm") ? 5 : 1);
  }
  prime_memory(primed);
  if (name == "load" || name == "load-no-crc") return load_case(path, {.verify_crc = verify_crc});
  if (name == "mapped") return load_case(path, {.mapped = true});
  if (name == "list") return list_case(path);
  if (name == "warm-memcpy") return memcpy_case(path);
  if (name == "read" || name == "direct") {
    return timed([&] { return read_file(path, name == "direct"), Tensors(); });
  }
  throw std::runtime_error("no such case: " + std::string(name));
}

// Returns the digest of what was written.
std::uint64_t write(const std::string& path, std::uint64_t bytes, std::size_t tensors) {
  const auto elements = static_cast<std::int64_t>(bytes / tensors / sizeof(float));
  std::vector<NamedShape> entries;
  for (std::size_t i = 0; i < tensors; ++i)
    entries.push_back({"w" + std::to_string(i), {elements}});
  std::uint32_t state = 1;
  std::uint64_t digest = 0;
  write_checkpoint(path, entries, [&](std::size_t number) {
    at::Tensor tensor = at::empty({elements}, at::kFloat);
    auto* words = static_cast<std::uint32_t*>(tensor.mutable_data_ptr());
    for (std::int64_t i = 0; i < elements; ++i) words[i] = (state = state * 1664525u + 1013904223u);
    digest += (number + 1) * sum_of_words(tensor);
    return tensor;
  });
  return digest;
}

int run(int count, char** arguments) {
  const std::string_view name = count > 1 ? arguments[1] : "";
  if (name == "write" && count == 5) {
    std::printf("%llu\n", static_cast<unsigned long long>(write(
                              arguments[2], std::stoull(arguments[3]), std::stoul(arguments[4]))));
    return 0;
  }
  if (count != 4) {
    std::fprintf(stderr,
                 "usage: fresh_load CASE FILE PRIMED_BYTES, or: write FILE BYTES TENSORS\n");
    return 2;
  }
  const Sample sample = run_case(name, arguments[2], std::stoull(arguments[3]));
  const double from_exec = seconds_since_exec();
  std::printf("{\"seconds\": %.6f, \"from_exec\": %.2f, \"cpu\": %.3f, \"memory\": %llu, ",
              sample.seconds, from_exec, sample.cpu,
              static_cast<unsigned long long>(sample.memory));
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < sample.tensors.size(); ++i) {
    digest += (i + 1) * sum_of_words(sample.tensors[i]);
  }
  const std::string shown = sample.tensors.empty() ? "null" : std::to_string(digest);
  std::printf("\"digest\": %s}\n", shown.c_str());
  return 0;
}

}  // namespace
}  // namespace hardload::bench

int main(int count, char** arguments) try {
  return hardload::bench::run(count, arguments);
} catch (const std::exception& error) {
  std::fprintf(stderr, "fresh_load: %s\n", error.what());
  return 1;
}
