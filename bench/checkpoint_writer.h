// write_checkpoint: a file as torch.save writes it for a dict of float tensors, from C++.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hardload::bench {

struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
  at::ScalarType dtype = at::kFloat;  // or at::kLong
};

// Writes to `path`: the pickle first, then the storages in order. `content(i)` is called once for
// each entry when it is its turn, so that only one tensor has to be in memory; it has to be
// contiguous. Records, padding, CRCs and directory are written by LibTorch's PyTorchStreamWriter,
// which torch.save uses as well. Throws what that throws.
void write_checkpoint(const std::string& path, const std::vector<NamedShape>& entries,
                      const std::function<at::Tensor(std::size_t)>& content);

}  // namespace hardload::bench
