#include "loader/container/container.h"

namespace hardload {

std::string_view to_string(Format format) {
  switch (format) {
    case Format::kTorchZip: return "torch.save zip";
    case Format::kTorchScript: return "TorchScript archive";
  }
  return "?";
}

std::string_view short_name(Format format) {
  switch (format) {
    case Format::kTorchZip: return "zip";
    case Format::kTorchScript: return "torchscript";
  }
  return "?";
}

}  // namespace hardload
