// Target: a module that the small samples of every_format.h are loaded into, and that tells whether
// it has been touched.
//
//   Target target("cast");
//   target.prepare();
//   const auto done = load_into(target.module, sample.path, Target::options(mode));
//   EXPECT_TRUE(done.ok() ? target.is_loaded() : target.is_untouched());
#pragma once

#include <string_view>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "loader/torch/load_into.h"
#include "tests/torch/parts.h"

namespace hardload::testing {

class Target {
 public:
  // How the parameter "w" takes four floats: as they are, as another dtype, or with gaps between.
  static constexpr const char* kKinds[] = {"plain", "cast", "gaps"};

  explicit Target(std::string_view kind) {
    at::Tensor w = kind == "cast"   ? at::zeros({4}, at::kHalf)
                   : kind == "gaps" ? at::zeros({8}).slice(0, 0, 8, 2)
                                    : at::zeros({4});
    tensors_ = {module.parameter("w", std::move(w))};
    (void)module.name();  // LibTorch remembers it, and ends the program where it cannot
  }

  // Fills it with what no file holds, and remembers how it is.
  void prepare() {
    const at::NoGradGuard no_grad;
    tensors_[0].fill_(7);
    before_ = see(tensors_);
  }
  bool is_untouched() const { return before_ == see(tensors_); }
  bool is_loaded() const {
    return at::equal(tensors_[0].detach().to(at::kFloat), content_of_file());
  }

  static at::Tensor content_of_file() { return at::tensor({1.0f, 2.0f, 3.0f, 4.0f}); }

  // Files may hold more than "w".
  static LoadIntoOptions options(LoadMode mode) {
    LoadIntoOptions options;
    options.mode = mode;
    options.load.threads = 1;
    options.state_dict.strict = false;
    return options;
  }

  Parts module;

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<Seen> before_;
};

}  // namespace hardload::testing
