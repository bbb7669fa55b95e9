// columns: texts of a known width.

#include "loader/cli/columns.h"

#include <gtest/gtest.h>

namespace hardload {
namespace {

TEST(Columns, CountsCharactersAndWideOnesTwice) {
  EXPECT_EQ(columns_of(""), 0u);
  EXPECT_EQ(columns_of("weight"), 6u);
  EXPECT_EQ(columns_of("äöü"), 3u);
  EXPECT_EQ(columns_of("重み"), 4u);
  EXPECT_EQ(columns_of("\xff"), 1u);
}

TEST(Columns, PadsAtEitherEnd) {
  EXPECT_EQ(padded("ä", 3), "ä  ");
  EXPECT_EQ(padded_left("重", 3), " 重");
  EXPECT_EQ(padded("weight", 3), "weight");
}

TEST(Columns, ShortensInTheMiddle) {
  EXPECT_EQ(shortened("encoder.weight", 14), "encoder.weight");
  EXPECT_EQ(shortened("encoder.weight", 12), "enc...weight");
  EXPECT_EQ(shortened("encoder.weight", 5), "...ht");
}

TEST(Columns, CutsBetweenCharactersAndStaysInside) {
  for (std::size_t width = 5; width < 12; ++width) {
    const std::string text = shortened("重み.ä重.みä", width);
    EXPECT_LE(columns_of(text), width) << text;
    EXPECT_GE(columns_of(text), width - 2) << text;
    EXPECT_EQ(text.find('\xff'), text.npos);
  }
}

}  // namespace
}  // namespace hardload
