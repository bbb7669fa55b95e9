// Stack and Memo by themselves: marks fence values off, limits hold exactly.

#include "loader/pickle/stack.h"

#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace hardload {
namespace {

Slot number(std::uint64_t value) { return {ValueKind::kInt, 0, value}; }

std::vector<std::uint64_t> payloads(std::span<const Slot> slots) {
  std::vector<std::uint64_t> out;
  for (const Slot& slot : slots) out.push_back(slot.payload);
  return out;
}

TEST(Stack, PopsInReverse) {
  Stack stack(Limits{});
  EXPECT_TRUE(stack.is_empty());
  ASSERT_OK(stack.push(number(1)));
  ASSERT_OK(stack.push(number(2)));
  EXPECT_FALSE(stack.is_empty());
  EXPECT_EQ((*stack.top())->payload, 2u);
  EXPECT_EQ(stack.pop()->payload, 2u);
  EXPECT_EQ(stack.pop()->payload, 1u);
  EXPECT_TRUE(stack.is_empty());
  EXPECT_ERROR(stack.pop(), ErrorKind::kPickle, "too few values");
  EXPECT_ERROR(stack.top(), ErrorKind::kPickle, "too few values");
}

TEST(Stack, TopCanBeReplaced) {
  Stack stack(Limits{});
  ASSERT_OK(stack.push(number(1)));
  **stack.top() = number(7);
  EXPECT_EQ(stack.pop()->payload, 7u);
}

TEST(Stack, AMarkFencesOffWhatIsBelow) {
  Stack stack(Limits{});
  ASSERT_OK(stack.push(number(1)));
  ASSERT_OK(stack.mark());
  EXPECT_ERROR(stack.pop(), ErrorKind::kPickle, "too few values");
  EXPECT_ERROR(stack.top(), ErrorKind::kPickle, "too few values");
  EXPECT_ERROR(stack.last(1), ErrorKind::kPickle, "too few values");
  ASSERT_OK(stack.push(number(2)));
  ASSERT_OK(stack.push(number(3)));
  EXPECT_EQ(payloads(*stack.last(2)), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_ERROR(stack.last(3), ErrorKind::kPickle, "too few values");
  ASSERT_OK(stack.pop_mark());
  EXPECT_EQ(payloads(*stack.last(3)), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(Stack, PopMarkCountsWhatIsAbove) {
  Stack stack(Limits{});
  EXPECT_ERROR(stack.pop_mark(), ErrorKind::kPickle, "finds no mark");
  ASSERT_OK(stack.push(number(1)));
  ASSERT_OK(stack.mark());
  ASSERT_OK(stack.mark());
  ASSERT_OK(stack.push(number(2)));
  EXPECT_EQ(*stack.pop_mark(), 1u);
  EXPECT_EQ(*stack.pop_mark(), 1u);
  EXPECT_ERROR(stack.pop_mark(), ErrorKind::kPickle, "finds no mark");
}

TEST(Stack, DropsTheLast) {
  Stack stack(Limits{});
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_OK(stack.push(number(i)));
  stack.drop(2);
  EXPECT_EQ(payloads(*stack.last(1)), (std::vector<std::uint64_t>{1}));
  stack.drop(1);
  EXPECT_TRUE(stack.is_empty());
}

TEST(Stack, DiscardTakesAValueOrElseAMark) {
  Stack stack(Limits{});
  EXPECT_ERROR(stack.discard(), ErrorKind::kPickle, "finds no mark");
  ASSERT_OK(stack.push(number(1)));
  ASSERT_OK(stack.mark());
  ASSERT_OK(stack.push(number(2)));
  ASSERT_OK(stack.discard());
  ASSERT_OK(stack.discard());
  EXPECT_EQ(stack.pop()->payload, 1u);
  EXPECT_TRUE(stack.is_empty());
}

TEST(Stack, AMarkAloneIsNotEmpty) {
  Stack stack(Limits{});
  ASSERT_OK(stack.mark());
  EXPECT_FALSE(stack.is_empty());
}

// P19
TEST(Stack, HoldsMaxStackValuesAndAsManyMarks) {
  Stack stack(Limits{.max_stack = 3});
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(stack.push({}));
    ASSERT_OK(stack.mark());
  }
  EXPECT_ERROR(stack.push({}), ErrorKind::kLimit, "max_stack, 3");
  EXPECT_ERROR(stack.mark(), ErrorKind::kLimit, "max_stack, 3");
  ASSERT_OK(stack.pop_mark());
  ASSERT_OK(stack.pop());
  EXPECT_OK(stack.push({}));
  EXPECT_OK(stack.mark());
}

TEST(Memo, RemembersByIndex) {
  Memo memo(Limits{}, 0);
  ASSERT_OK(memo.put(0, number(10)));
  ASSERT_OK(memo.put(2, number(12)));
  EXPECT_EQ(memo.get(0)->payload, 10u);
  EXPECT_EQ(memo.get(2)->payload, 12u);
  EXPECT_ERROR(memo.get(1), ErrorKind::kPickle, "memo entry 1 was never set");
  EXPECT_ERROR(memo.get(3), ErrorKind::kPickle, "memo entry 3 was never set");
  ASSERT_OK(memo.put(0, number(20)));
  EXPECT_EQ(memo.get(0)->payload, 20u);
}

// P10
TEST(Memo, KeepsNoLargeGap) {
  Memo memo(Limits{.max_memo_gap = 5}, 0);
  EXPECT_ERROR(memo.put(6, {}), ErrorKind::kLimit,
               "memo entry 6 leaves a gap over max_memo_gap, 5");
  EXPECT_ERROR(memo.put(~std::uint64_t{0}, {}), ErrorKind::kLimit, "max_memo_gap");
  EXPECT_OK(memo.put(5, {}));
  EXPECT_OK(memo.put(6, {}));
  EXPECT_ERROR(memo.put(8, {}), ErrorKind::kLimit, "memo entry 8");
}

TEST(Memo, OfPython2BeginsWithOne) {
  Memo memo(Limits{.max_memo_gap = 1}, 0);
  for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_OK(memo.put(i, number(i)));
  EXPECT_EQ(memo.get(100)->payload, 100u);
}

}  // namespace
}  // namespace hardload
