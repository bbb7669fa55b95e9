// Lesson row 3: passing a file name to load_state_dict. file_name_test.sh compiles this with
// -DARGUMENT=... and looks at what the compiler says. Needs no LibTorch header.

#include <filesystem>
#include <string>

#include "loader/torch/load_state_dict.h"

namespace hardload {

void use(torch::nn::Module& module, const StateDict& state, const char* literal, std::string text,
         std::string_view view, const std::filesystem::path& path) {
  (void)state, (void)literal, (void)text, (void)view, (void)path;
  (void)load_state_dict(module, ARGUMENT);
  (void)load_state_dict(module, ARGUMENT, {});
}

}  // namespace hardload
