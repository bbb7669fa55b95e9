// StateDictBuilder makes what a pickle of the same state dict would make.

#include "loader/manifest/state_dict_builder.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/checkpoints.h"
#include "tests/support/safetensors_builder.h"

namespace hardload {
namespace {

// A container of one record "r" of 24 bytes.
class OneRecord final : public Container {
 public:
  Format format() const override { return Format::kSafetensors; }
  std::optional<std::uint32_t> version() const override { return 7; }
  ByteOrder byte_order() const override { return ByteOrder::kLittle; }
  std::span<const Record> records() const override { return {&record_, 1}; }
  std::size_t storage_records() const override { return 1; }
  const Record* storage(std::string_view key, const Record*) const override {
    return key == record_.name ? &record_ : nullptr;
  }

 private:
  Record record_ = {"r", 100, 100, 24, 24, 0, 0, Compression::kStored};
};

struct Built {
  explicit Built(const Limits& limits = {})
      : container(new OneRecord), builder(std::unique_ptr<const Container>(container), limits) {
    storage = builder.add_storage({.key = "r",
                                   .location = "cpu",
                                   .dtype = Dtype::kFloat32,
                                   .bytes = 24,
                                   .record = &container->records()[0]});
  }
  Result<void> add(std::string_view name, const std::vector<std::int64_t>& sizes,
                   const std::vector<std::int64_t>& strides, std::int64_t offset) {
    return builder.add_tensor(name, storage, Dtype::kFloat32, sizes, strides, offset);
  }
  Result<void> add(std::string_view name, const std::vector<std::int64_t>& sizes) {
    return builder.add_dense_tensor(name, storage, Dtype::kFloat32, sizes);
  }

  const OneRecord* container;
  StateDictBuilder builder;
  std::uint32_t storage;
};

TEST(StateDictBuilder, MakesADictOfViews) {
  Built built;
  ASSERT_OK(built.add("fc.weight", {2, 3}));
  ASSERT_OK(built.add("", {2, 2}, {1, 2}, 2));
  ASSERT_OK(built.add("scalar", {}));
  const auto manifest = std::move(built.builder).finish();
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->container().version(), 7u);
  const Value root = manifest->root();
  EXPECT_EQ(root.kind(), ValueKind::kDict);
  ASSERT_EQ(root.size(), 3u);
  const std::string_view names[] = {"fc.weight", "", "scalar"};
  ASSERT_EQ(manifest->named_tensors().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const NamedTensor& named = manifest->named_tensors()[i];
    EXPECT_EQ(manifest->name(named), names[i]);
    ASSERT_EQ(manifest->path(named).size(), 1u);
    EXPECT_EQ(manifest->path(named)[0].as_string(), names[i]);
    EXPECT_EQ(root.key(i).as_string(), names[i]);
    EXPECT_EQ(root.item(i).kind(), ValueKind::kTensor);
    EXPECT_EQ(root.item(i).number(), named.tensor);
    EXPECT_EQ(root.item(i).attributes(), std::nullopt);
    EXPECT_EQ(manifest->location(manifest->tensors()[i]), "cpu");
  }
  EXPECT_EQ(manifest->strides(manifest->tensors()[0])[0], 3);
  EXPECT_EQ(manifest->strides(manifest->tensors()[0])[1], 1);
  EXPECT_EQ(manifest->strides(manifest->tensors()[1])[1], 2);
  EXPECT_EQ(manifest->tensors()[1].offset, 2);
  EXPECT_EQ(manifest->tensors()[2].numel, 1);
}

TEST(StateDictBuilder, GivesEmptyTensorsTheStridesOfTorch) {
  Built built;
  ASSERT_OK(built.add("w", {2, 0, 3}));
  const auto manifest = std::move(built.builder).finish();
  ASSERT_OK(manifest);
  const auto strides = manifest->strides(manifest->tensors()[0]);
  EXPECT_EQ(std::vector<std::int64_t>(strides.begin(), strides.end()),
            (std::vector<std::int64_t>{3, 3, 1}));
}

TEST(StateDictBuilder, RefusesViewsThatLeaveTheirStorage) {
  Built built(Limits{.max_rank = 3});
  EXPECT_ERROR(built.add("w", {7}), ErrorKind::kLayout, "at 'w': the view reaches up to element 6");
  EXPECT_ERROR(built.add("w", {6}, {1}, 1), ErrorKind::kLayout, "reaches up to element 6");
  EXPECT_ERROR(built.add("w", {-1}), ErrorKind::kLayout, "size 0 is -1");
  EXPECT_ERROR(built.add("w", {1, 1, 1, 1}), ErrorKind::kLimit, "max_rank, 3");
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  EXPECT_ERROR(built.add("w", {0, kHuge, kHuge}), ErrorKind::kLayout, "overflows");
  EXPECT_OK(built.add("w", {6}));
}

TEST(StateDictBuilder, WithoutTensorsMakesAnEmptyDict) {
  Built built;
  const auto manifest = std::move(built.builder).finish();
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->root().size(), 0u);
  EXPECT_TRUE(manifest->named_tensors().empty());
}

TEST(DescribeSafetensors, IsAStateDict) {
  const auto manifest = testing::describe_bytes(testing::safetensors(
      "{" + testing::member("a\\n\\u00e9", "F32", "[2,1]", 0, 8) + "," +
          testing::member("z", "F32", "[0]", 8, 8) + ",\"__metadata__\":{\"format\":\"pt\"}}",
      "01234567"));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->name(manifest->named_tensors()[0]), "a\n\xc3\xa9");
  EXPECT_EQ(manifest->root().key(1).as_string(), "z");
  EXPECT_EQ(manifest->storages()[0].key, "a\n\xc3\xa9");
  EXPECT_EQ(manifest->storages()[0].dtype, Dtype::kFloat32);
  EXPECT_EQ(manifest->container().metadata()[0].value, "pt");
}

TEST(DescribeSafetensors, ErrorsNameTheSource) {
  const auto manifest = testing::describe_bytes(testing::safetensors("{]"));
  ASSERT_FALSE(manifest.ok());
  EXPECT_TRUE(manifest.error().message().starts_with("test: ")) << manifest.error().message();
}

}  // namespace
}  // namespace hardload
