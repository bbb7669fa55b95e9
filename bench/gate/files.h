// Checkpoints for the gate, byte for byte the same everywhere: written by the builders of tests,
// not by the library, whose changes would change them.
#pragma once

#include <cstddef>
#include <string>

namespace hardload::bench {

// A state dict of float tensors of one dimension, each with a storage of its own, with the names
// "layers.0.weight", "layers.1.weight", ...
struct Shape {
  std::size_t tensors;
  std::size_t floats;  // in each

  std::size_t bytes() const { return tensors * floats * sizeof(float); }
  std::string name(std::size_t tensor) const;
};

// The whole file in each format, as torch.save, or safetensors, writes it.
std::string zip_file(const Shape& shape);
std::string deflated_zip_file(const Shape& shape);  // with every storage compressed
std::string legacy_file(const Shape& shape);        // before torch 1.6
std::string safetensors_file(const Shape& shape);
// That of zip_file, but its pickle names os.system in the end.
std::string forbidden_file(const Shape& shape);

// Writes `content` to folder/name, and returns that path. Throws.
std::string write(const std::string& folder, const std::string& name, const std::string& content);

}  // namespace hardload::bench
