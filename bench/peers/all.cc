#include "bench/peers/peer.h"

namespace hardload::bench {

std::vector<std::unique_ptr<Peer>> all_peers() {
  std::vector<std::unique_ptr<Peer>> peers;
  peers.push_back(hardload_peer());
  peers.push_back(hardload_unverified_peer());
  peers.push_back(hardload_mapped_peer());
  peers.push_back(pickle_load_peer());
  return peers;
}

}  // namespace hardload::bench
