// pickle_manifest: the pickle that torch wrote comes out again, byte for byte.

#include "loader/manifest/manifest_pickler.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/manifest/describe.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using testing::read_file;
using testing::source_of;

TEST(PickleManifest, GivesTheBytesThatTorchGave) {
  for (const std::string& path : testing::golden_archives()) {
    const std::string content = read_file(path);
    const MemorySource source = source_of(content);
    const auto manifest = describe(source, {});
    ASSERT_OK(manifest) << path;
    const auto made = pickle_manifest(*manifest, {});
    ASSERT_OK(made) << path;
    const auto archive = TorchArchive::open(source, {}, true);
    ASSERT_OK(archive) << path;
    const auto pickle = read_record(source, archive->pickle(), {.limits = {}});
    ASSERT_OK(pickle) << path;
    EXPECT_EQ(made->pickle, pickle->text()) << path;
    // Torch numbers storages in the order of their first use.
    for (std::size_t i = 0; i < made->storages.size(); ++i) {
      EXPECT_EQ(manifest->storages()[made->storages[i]].key, std::to_string(i)) << path;
    }
    EXPECT_EQ(made->storages.size(), manifest->storages().size()) << path;
  }
}

// An empty name lies where the next one begins, and is another object all the same: the pickle
// holds each name.
TEST(PickleManifest, OfSafetensorsIsADictOfTensors) {
  for (const std::string& path : testing::golden_safetensors()) {
    const std::string content = read_file(path);
    const MemorySource source = source_of(content);
    const auto manifest = describe(source, {});
    ASSERT_OK(manifest) << path;
    const auto made = pickle_manifest(*manifest, {});
    ASSERT_OK(made) << path;
    EXPECT_EQ(made->storages.size(), manifest->tensors().size()) << path;
    for (const NamedTensor& named : manifest->named_tensors()) {
      const std::string name(manifest->name(named));
      EXPECT_TRUE(made->pickle.find(concat(name, "q")) != std::string::npos ||
                  made->pickle.find(concat(name, "r")) != std::string::npos)
          << path << name;
    }
  }
}

// What a pickle names and this library only looks at is never written into another file.
TEST(PickleManifest, RefusesWhatIsNoPlainData) {
  const std::string path = "data/lesson/training.pt";
  const std::string content = read_file(path);
  const MemorySource source = source_of(content);
  const auto manifest = describe(source, {.unlisted = Unlisted::kKeepAsData});
  ASSERT_OK(manifest);
  EXPECT_ERROR(pickle_manifest(*manifest, {}), ErrorKind::kUnsupported, "not plain data");
}

TEST(PickleManifest, KeepsToTheLimits) {
  const std::string content = read_file("data/golden/tree_nested.pt");
  const MemorySource source = source_of(content);
  const auto manifest = describe(source, {});
  ASSERT_OK(manifest);
  EXPECT_ERROR(pickle_manifest(*manifest, {.max_depth = 40}), ErrorKind::kLimit, "max_depth");
  EXPECT_ERROR(pickle_manifest(*manifest, {.max_pickle_bytes = 500}), ErrorKind::kLimit,
               "max_pickle_bytes");
}

}  // namespace
}  // namespace hardload
