// Runs cases of the gate, and prints what each costs as a line of JSON.
//
//   plain_cases list             the names of all cases
//   plain_cases about            what the counts depend on besides the code
//   plain_cases run NAME FOLDER  writes its files into the folder, calls it twice, counts the
//   second
//
// The first call is not counted: what a process does once is not what a call costs.

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gnu/libc-version.h>
#include <libdeflate.h>

#include "bench/gate/cases.h"
#include "bench/gate/counters.h"

namespace hardload::bench {
namespace {

void print_about() {
  // Valgrind shows one processor to every program where the real one has AVX2.
  std::printf("{\"compiler\": \"%s\", \"glibc\": \"%s\", \"libdeflate\": \"%s\", \"avx2\": %s}\n",
              __VERSION__, gnu_get_libc_version(), LIBDEFLATE_VERSION_STRING,
              __builtin_cpu_supports("avx2") ? "true" : "false");
}

void run_case(std::string_view name, const std::string& folder) {
  for (const Case& found : cases()) {
    if (found.name != name) continue;
    const auto call = found.prepare(folder);
    call();
    const Counters cost = count(found.name, call);
    std::printf("{\"allocations\": %llu, \"allocated_bytes\": %llu, \"copied_bytes\": %llu}\n",
                static_cast<unsigned long long>(cost.allocations),
                static_cast<unsigned long long>(cost.allocated_bytes),
                static_cast<unsigned long long>(cost.copied_bytes));
    return;
  }
  throw std::runtime_error("no such case: " + std::string(name));
}

int run(int argument_count, char** arguments) {
  const std::string_view command = argument_count > 1 ? arguments[1] : "";
  if (command == "list" && argument_count == 2) {
    for (const Case& known : cases()) std::printf("%s\n", known.name);
  } else if (command == "about" && argument_count == 2) {
    print_about();
  } else if (command == "run" && argument_count > 3) {
    for (int i = 3; i < argument_count; ++i) run_case(arguments[i], arguments[2]);
  } else {
    std::fprintf(stderr, "usage: %s list | about | run FOLDER NAME...\n", arguments[0]);
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace hardload::bench

int main(int count, char** arguments) try {
  return hardload::bench::run(count, arguments);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", arguments[0], error.what());
  return 1;
}
