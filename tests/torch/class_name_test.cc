// Class names in messages are those that Python would print.

#include "loader/torch/class_name.h"

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(PythonClassName, IsWhatPythonWouldPrint) {
  EXPECT_EQ(python_class_name("torch::nn::LinearImpl"), "Linear");
  EXPECT_EQ(python_class_name("torch::nn::BatchNorm2dImpl"), "BatchNorm2d");
  EXPECT_EQ(python_class_name("(anonymous namespace)::Net"), "Net");
  EXPECT_EQ(python_class_name("app::Block<3, torch::nn::LinearImpl>"), "Block");
  EXPECT_EQ(python_class_name("app::BlockImpl<app::Norm>"), "Block");
  EXPECT_EQ(python_class_name("Net"), "Net");
  EXPECT_EQ(python_class_name("Impl"), "Impl");
  EXPECT_EQ(python_class_name("my encoder"), "my encoder");
  EXPECT_EQ(python_class_name(""), "");
}

}  // namespace
}  // namespace hardload
