// select chooses tensors by name, with all that they are made of.

#include "loader/place/selection.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/bytes/file_source.h"
#include "loader/manifest/describe.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

Manifest describe_golden(const std::string& name) {
  const auto source = FileSource::open("data/golden/" + name + ".pt").value();
  return describe(*source, {}).value();
}

std::size_t count(const std::vector<bool>& chosen) {
  return static_cast<std::size_t>(std::count(chosen.begin(), chosen.end(), true));
}

TEST(Select, WithoutGlobsEverythingIsChosen) {
  const Manifest manifest = describe_golden("checkpoint_for_training");
  const Selection all = select(manifest, std::vector<std::string>()).value();
  EXPECT_EQ(count(all.tensors), manifest.tensors().size());
  EXPECT_EQ(count(all.storages), manifest.storages().size());
  EXPECT_GT(count(all.tensors), 2u);
}

TEST(Select, AGlobChoosesByName) {
  const Manifest manifest = describe_golden("checkpoint_for_training");
  const std::vector<std::string> globs = {"model.*"};
  const Selection model = select(manifest, globs).value();
  EXPECT_EQ(count(model.tensors), 2u);
  EXPECT_EQ(count(model.storages), 2u);
  for (const NamedTensor& named : manifest.named_tensors()) {
    EXPECT_EQ(model.tensors[named.tensor], manifest.name(named).starts_with("model."));
  }
}

TEST(Select, SharedStoragesAreChosenOnce) {
  const Manifest manifest = describe_golden("shared_slices");
  const std::vector<std::string> globs = {"head", "tail"};
  const Selection two = select(manifest, globs).value();
  EXPECT_EQ(count(two.tensors), 2u);
  EXPECT_EQ(count(two.storages), 1u);
}

TEST(Select, PartsComeAlong) {
  const Manifest sparse = describe_golden("sparse_csr");
  const std::vector<std::string> plain = {"plain"};
  EXPECT_EQ(count(select(sparse, plain)->tensors), 4u);
  EXPECT_EQ(count(select(sparse, plain)->storages), 3u);
  const Manifest quantized = describe_golden("quantized_per_channel");
  const std::vector<std::string> rows = {"rows"};
  EXPECT_EQ(count(select(quantized, rows)->tensors), 3u);
}

TEST(Select, AGlobThatMatchesNothingIsAnError) {
  const Manifest manifest = describe_golden("state_linear");
  const std::vector<std::string> globs = {"weight", "wieght"};
  EXPECT_ERROR(select(manifest, globs), ErrorKind::kKey, "no tensor's name matches 'wieght'");
}

TEST(Select, TensorsAreChosenByNumber) {
  const Manifest manifest = describe_golden("shared_slices");
  const std::vector<std::uint32_t> none, two = {1, 0, 1};
  EXPECT_EQ(count(select(manifest, none).tensors), 0u);
  EXPECT_EQ(count(select(manifest, none).storages), 0u);
  const Selection chosen = select(manifest, two);
  EXPECT_EQ(count(chosen.tensors), 2u);
  EXPECT_TRUE(chosen.tensors[0] && chosen.tensors[1]);
  EXPECT_EQ(count(chosen.storages), 1u);
  const Manifest sparse = describe_golden("sparse_csr");
  const std::vector<std::string> plain = {"plain"};
  for (const NamedTensor& named : sparse.named_tensors()) {
    if (sparse.name(named) != "plain") continue;
    const std::vector<std::uint32_t> number = {named.tensor};
    EXPECT_EQ(select(sparse, number).tensors, select(sparse, plain)->tensors);
    EXPECT_EQ(select(sparse, number).storages, select(sparse, plain)->storages);
  }
}

}  // namespace
}  // namespace hardload
