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
}

}  // namespace hardload::bench
