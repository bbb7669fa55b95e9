// pickle_manifest: the pickle that torch wrote comes out again, byte for byte.

#include "loader/manifest/manifest_pickler.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "loader/bytes/memory_source.h"
#include "loader/container/record_reader.h"
#include "loader/container/torch_archive.h"
#include "loader/manifest/describe.h"
#include "tests/manifest/tensor_calls.h"
#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

namespace push = testing::push;
using testing::PickleBuilder;
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

// Classes that are named and never called are data to the reader; no other file names them.
TEST(PickleManifest, RefusesNamesThatAreNotListed) {
  const auto file = [](std::string_view module, std::string_view name) {
    return testing::CheckpointBuilder().pickle(PickleBuilder().global(module, name).stop());
  };
  for (const char* name : {"system", "a.b"}) {
    const auto manifest =
        testing::describe_file(file("os", name), {.unlisted = Unlisted::kKeepAsData});
    ASSERT_OK(manifest);
    EXPECT_ERROR(pickle_manifest(*manifest, {}), ErrorKind::kUnsupported,
                 concat("'os.", name, "' is no plain data, and is not written"));
  }
  const auto listed = testing::describe_file(file("collections", "OrderedDict"));
  ASSERT_OK(listed);
  const auto made = pickle_manifest(*listed, {});
  ASSERT_OK(made);
  EXPECT_EQ(made->pickle,
            "\x80\x02"
            "ccollections\nOrderedDict\nq" +
                std::string("\0.", 2));
}

// The __slots__ of a tensor, which torch writes and which no class of its own has.
TEST(PickleManifest, RefusesTensorsAndStoragesInSlots) {
  const auto with_slot = [](const std::string& value) {
    const std::string arguments = PickleBuilder("")
                                      .mark()
                                      .raw(push::storage("FloatStorage", 6))
                                      .raw(push::integer(0))
                                      .raw(push::integers({1}) + push::integers({1}))
                                      .tuple()
                                      .bytes();
    const std::string slots = "}" + push::text("slot") + value + "s";
    return testing::describe_w(push::call(
        "torch._tensor", "_rebuild_from_type_v2",
        {"ctorch._utils\n_rebuild_tensor\n", "ctorch\nTensor\n", arguments, "}" + slots + "\x86"}));
  };
  const auto with_text = with_slot(push::text("value"));
  ASSERT_OK(with_text);
  EXPECT_OK(pickle_manifest(*with_text, {}));
  const std::pair<std::string, std::string_view> cases[] = {
      {testing::tensor(), "a tensor stands where torch.save puts none"},
      {push::storage("FloatStorage", 6), "a storage stands where torch.save puts none"},
  };
  for (const auto& [value, problem] : cases) {
    const auto manifest = with_slot(value);
    ASSERT_OK(manifest);
    EXPECT_ERROR(pickle_manifest(*manifest, {}), ErrorKind::kUnsupported, problem);
  }
}

// A storage of two types has to be written untyped, which the function for quantized tensors does
// not take.
TEST(PickleManifest, RefusesAQuantizedTensorInSharedMemory) {
  const std::string storage = push::storage("QInt8Storage", 24);
  const auto view = [&](std::string_view dtype) {
    return push::call("torch._utils", "_rebuild_tensor_v3",
                      {storage, push::integer(0), push::integers({4}), push::integers({1}),
                       push::boolean(false), push::no_hooks(), push::dtype(dtype)});
  };
  const std::string quantizer = PickleBuilder("")
                                    .mark()
                                    .raw(push::dtype("per_tensor_affine"))
                                    .raw(std::string("G\x3f\xe0\0\0\0\0\0\0", 9))
                                    .integer(0)
                                    .tuple()
                                    .bytes();
  const std::string quantized =
      push::call("torch._utils", "_rebuild_qtensor",
                 {storage, push::integer(0), push::integers({4}), push::integers({1}), quantizer,
                  push::boolean(false), push::no_hooks()});
  const auto alone = testing::describe_w(quantized);
  ASSERT_OK(alone);
  EXPECT_OK(pickle_manifest(*alone, {}));
  const auto shared = testing::describe_w("](" + quantized + view("uint16") + "e");
  ASSERT_OK(shared);
  EXPECT_ERROR(pickle_manifest(*shared, {}), ErrorKind::kUnsupported,
               "a quantized tensor shares its memory with a tensor of another type");
}

}  // namespace
}  // namespace hardload
