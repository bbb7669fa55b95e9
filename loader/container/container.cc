#include "loader/container/container.h"

namespace hardload {

std::string_view to_string(Format format) {
  switch (format) {
    case Format::kTorchZip: return "torch.save zip";
    case Format::kSafetensors: return "safetensors";
    case Format::kPt2: return "torch.export archive";
    case Format::kLegacyStream: return "torch.save before 1.6";
    case Format::kTar: return "torch.save of torch 0.1";
    case Format::kTorchScript: return "TorchScript archive";
    case Format::kDistributed: return "torch.distributed.checkpoint";
  }
  return "?";
}

std::string_view short_name(Format format) {
  switch (format) {
    case Format::kTorchZip: return "zip";
    case Format::kSafetensors: return "safetensors";
    case Format::kPt2: return "pt2";
    case Format::kLegacyStream: return "legacy";
    case Format::kTar: return "tar";
    case Format::kTorchScript: return "torchscript";
    case Format::kDistributed: return "dcp";
  }
  return "?";
}

}  // namespace hardload
