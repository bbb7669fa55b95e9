#include "loader/hardload.h"

#include <ATen/core/Tensor.h>

#include "bench/peers/peer.h"

namespace hardload::bench {
namespace {

// Touches every page of a tensor, so that a mapping has been read.
void read_pages(const at::Tensor& tensor) {
  const auto* bytes = static_cast<const volatile char*>(tensor.const_data_ptr());
  for (std::size_t i = 0; i < tensor.nbytes(); i += 4096) (void)bytes[i];
}

class HardloadPeer final : public Peer {
 public:
  HardloadPeer(std::string name, LoadOptions options)
      : name_(std::move(name)), options_(std::move(options)) {}

  std::string name() const override { return name_; }

  std::string refusal(const Subject&,
                      const std::optional<std::string>& map_location) const override {
    return options_.mapped && map_location == "meta" ? "nothing to map" : "";
  }

  Loaded load(const Subject& subject,
              const std::optional<std::string>& map_location) const override {
    LoadOptions options = options_;
    if (map_location) options.map_location = map_location;
    const Checkpoint checkpoint = hardload::load(subject.path, options).value();
    Loaded loaded;
    const Manifest& manifest = checkpoint.manifest();
    for (const NamedTensor& named : manifest.named_tensors()) {
      const at::Tensor& tensor = checkpoint.tensors()[named.tensor];
      if (options.mapped) read_pages(tensor);
      loaded.emplace_back(manifest.name(named), tensor);
    }
    return loaded;
  }

 private:
  std::string name_;
  LoadOptions options_;
};

}  // namespace

std::unique_ptr<Peer> hardload_peer() {
  return std::make_unique<HardloadPeer>("hardload", LoadOptions{});
}

std::unique_ptr<Peer> hardload_unverified_peer() {
  return std::make_unique<HardloadPeer>("hardload, no CRC", LoadOptions{.verify_crc = false});
}

std::unique_ptr<Peer> hardload_table_peer() {
  const MapLocation::Table table = {{"cpu", "cpu"}, {"cuda:0", "cpu"}};
  return std::make_unique<HardloadPeer>("hardload", LoadOptions{.map_location = table});
}

std::unique_ptr<Peer> hardload_function_peer() {
  const auto to_cpu = [](const StorageSpec&, std::string_view) { return "cpu"; };
  return std::make_unique<HardloadPeer>("hardload", LoadOptions{.map_location = to_cpu});
}

std::unique_ptr<Peer> hardload_mapped_peer() {
  return std::make_unique<HardloadPeer>("hardload, mapped", LoadOptions{.mapped = true});
}

}  // namespace hardload::bench
