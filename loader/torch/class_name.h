// python_class_name: a C++ module's class, as Python would print it.
#pragma once

#include <string>
#include <string_view>

namespace hardload {

// From torch::nn::Module::name() ("torch::nn::LinearImpl", "(anonymous namespace)::Net",
// "Block<3>", or free text that the module's author chose) to what PyTorch's messages show:
// template arguments go, then everything up to the last "::", then a final "Impl". "Linear", "Net",
// "Block". A name that is nothing but "Impl" stays.
std::string python_class_name(std::string_view name);

}  // namespace hardload
