// Odometer: goes over the indices of a shape in row-major order, keeping the element's position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hardload {

class Odometer {
 public:
  Odometer(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
           std::int64_t offset)
      : position_(offset) {
    for (std::size_t i = shape.size(); i-- > 0;) {
      // Dimensions of size 1 never move, and their strides may be any number.
      if (shape[i] != 1) wheels_.push_back({shape[i], strides[i], 0});
    }
  }

  std::int64_t position() const { return position_; }

  // To the next index; false after the last.
  bool advance() {
    for (Wheel& wheel : wheels_) {
      position_ += wheel.stride;
      if (++wheel.index < wheel.size) return true;
      position_ -= wheel.stride * wheel.size;
      wheel.index = 0;
    }
    return false;
  }

 private:
  struct Wheel {
    std::int64_t size, stride, index;
  };
  std::vector<Wheel> wheels_;  // of the last dimension first
  std::int64_t position_;
};

}  // namespace hardload
