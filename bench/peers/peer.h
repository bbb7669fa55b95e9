// Peer: any loader, behind one small interface.
//
// A benchmark times every peer on the same files and checks every answer in the same way. A new
// peer is one file that implements Peer, declared below and added to all_peers().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/subject.h"

namespace hardload::bench {

class Peer {
 public:
  virtual ~Peer() = default;

  // As the report shows it.
  virtual std::string name() const = 0;

  // Why this peer cannot load `subject` to `map_location`; empty where it can.
  virtual std::string refusal(const Subject& subject,
                              const std::optional<std::string>& map_location) const = 0;

  // Loads all tensors. When it returns, their bytes are there, not merely promised. Throws what
  // the loader throws.
  virtual Loaded load(const Subject& subject,
                      const std::optional<std::string>& map_location) const = 0;
};

// hardload with its default options; without CRC-32; and mapped, every page read.
std::unique_ptr<Peer> hardload_peer();
std::unique_ptr<Peer> hardload_unverified_peer();
std::unique_ptr<Peer> hardload_mapped_peer();
// hardload with a table of locations, and with a function, as map_location.
std::unique_ptr<Peer> hardload_table_peer();
std::unique_ptr<Peer> hardload_function_peer();
// LibTorch's torch::pickle_load, the only thing in LibTorch that reads files of torch.save.
std::unique_ptr<Peer> pickle_load_peer();

std::vector<std::unique_ptr<Peer>> all_peers();

}  // namespace hardload::bench
