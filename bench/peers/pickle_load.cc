#include <fstream>
#include <iterator>
#include <vector>

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include "bench/peers/peer.h"

namespace hardload::bench {
namespace {

class PickleLoadPeer final : public Peer {
 public:
  std::string name() const override { return "torch::pickle_load"; }

  std::string refusal(const Subject& subject,
                      const std::optional<std::string>& map_location) const override {
    if (!subject.plain_dict) return "torch::pickle_load cannot read an OrderedDict";
    if (map_location) return "torch::pickle_load has no map_location";
    return "";
  }

  Loaded load(const Subject& subject, const std::optional<std::string>&) const override {
    // It takes the whole file as a vector.
    std::ifstream file(subject.path, std::ios::binary | std::ios::ate);
    std::vector<char> bytes(static_cast<std::size_t>(file.tellg()));
    file.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    Loaded loaded;
    for (const auto& entry : torch::jit::pickle_load(bytes).toGenericDict()) {
      loaded.emplace_back(entry.key().toStringRef(), entry.value().toTensor());
    }
    return loaded;
  }
};

}  // namespace

std::unique_ptr<Peer> pickle_load_peer() { return std::make_unique<PickleLoadPeer>(); }

}  // namespace hardload::bench
