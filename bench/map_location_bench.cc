#include "bench/cases.h"

namespace hardload::bench {

void register_map_location(const Setup& setup) {
  const Subject subject = real_subject(setup.real_file, setup.real_digests);
  const std::optional<std::string> forms[] = {std::nullopt, "cpu", "meta", "cuda:0"};
  for (const auto& form : forms) {
    for (const auto& peer : setup.peers) {
      const std::string shown = form ? "\"" + *form + "\"" : "none";
      register_peer("map_location/" + shown + "/" + peer->name(), setup.repetitions, *peer, subject,
                    form);
    }
  }
  // The other two forms, which only hardload has in C++.
  static const auto table = hardload_table_peer(), function = hardload_function_peer();
  register_peer("map_location/a table/" + table->name(), setup.repetitions, *table, subject, {});
  register_peer("map_location/a function/" + function->name(), setup.repetitions, *function,
                subject, {});
}

}  // namespace hardload::bench
