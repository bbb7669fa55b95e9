// CheckpointFiles: which files a path means.

#include "loader/container/checkpoint_files.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/matchers.h"
#include "tests/support/metadata_pickle.h"

namespace hardload {
namespace {

namespace fs = std::filesystem;

class CheckpointFilesTest : public ::testing::Test {
 protected:
  CheckpointFilesTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    top_ = fs::path(testing::write_temporary(test->name(), ""));
    fs::remove_all(top_);
    fs::create_directories(top_);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(top_ / name) << text;
  }
  void write_index(const std::string& name, const std::string& shard = "shard") {
    write(name, "{\"weight_map\":{\"w\":\"" + shard + "\"}}");
  }
  Result<CheckpointFiles> open(const std::string& name = "", OpenFileOptions files = {}) const {
    const Limits limits;
    return CheckpointFiles::open(name.empty() ? top_.string() : (top_ / name).string(),
                                 {.limits = limits, .files = files});
  }
  // What the name of the checkpoint's first file ends in.
  std::string first(const std::string& name = "") const {
    const auto files = open(name);
    if (!files.ok()) return files.error().display();
    return fs::path(files->sources.front()->name()).filename().string();
  }

  fs::path top_;
};

TEST_F(CheckpointFilesTest, AFileIsItself) {
  write("w.bin", "anything");
  const auto files = open("w.bin");
  ASSERT_OK(files);
  EXPECT_FALSE(files->index.has_value());
  ASSERT_EQ(files->sources.size(), 1u);
  EXPECT_EQ(files->sources[0]->size(), 8u);
  EXPECT_EQ(files->name, (top_ / "w.bin").string());
}

TEST_F(CheckpointFilesTest, AnIndexIsItsShardsWhateverItsName) {
  write("2", "two");
  write("1", "one!");
  write("index.pt", R"({"weight_map": {"b": "2", "a": "1", "c": "2"}})");
  const auto files = open("index.pt");
  ASSERT_OK(files);
  ASSERT_TRUE(files->index.has_value());
  ASSERT_EQ(files->sources.size(), 2u);
  EXPECT_EQ(files->sources[0]->name(), (top_ / "2").string());
  EXPECT_EQ(files->sources[1]->size(), 4u);
  EXPECT_EQ(files->name, (top_ / "index.pt").string());
}

TEST_F(CheckpointFilesTest, APathWithoutAFolder) {
  write("shard", "x");
  write_index("index.json");
  const fs::path before = fs::current_path();
  fs::current_path(top_);
  const Limits limits;
  const auto files = CheckpointFiles::open("index.json", {.limits = limits});
  fs::current_path(before);
  ASSERT_OK(files);
  EXPECT_EQ(files->sources[0]->name(), "./shard");
}

TEST_F(CheckpointFilesTest, InAFolderTheFirstCountsInTheOrderOfTransformers) {
  write("shard", "x");
  write("other", "x");
  write("config.json", "{}");
  EXPECT_ERROR(open(), ErrorKind::kNotRegular, "holds no model.safetensors");
  write_index("pytorch_model.bin.index.json", "other");
  EXPECT_EQ(first(), "other");
  write("pytorch_model.bin", "x");
  EXPECT_EQ(first(), "pytorch_model.bin");
  write_index("diffusion_pytorch_model.safetensors.index.json");
  EXPECT_EQ(first(), "shard");
  write("model.safetensors", "x");
  EXPECT_EQ(first(), "model.safetensors");
}

TEST_F(CheckpointFilesTest, ADistributedCheckpointIsItsMetadataAndItsFolder) {
  write(".metadata", "no pickle");
  EXPECT_FALSE(open()->folder.has_value());
  write(".metadata", testing::metadata::framed("\x8c\x25torch.distributed.checkpoint.metadata\x94"
                                               "\x8c\x08Metadata\x94\x93"));
  write("copy", testing::read_file(top_ / ".metadata"));
  for (const char* name : {"", ".metadata", "copy"}) {
    const auto files = open(name, {.follow_links = false});
    ASSERT_OK(files);
    ASSERT_TRUE(files->folder.has_value());
    EXPECT_EQ(files->folder->name(), top_.string());
    EXPECT_FALSE(files->file_options.follow_links);
    ASSERT_EQ(files->sources.size(), 1u);
    EXPECT_FALSE(files->index.has_value());
  }
  // Other checkpoints come first; of one process alone it has to be named.
  write("model.safetensors", "x");
  EXPECT_EQ(first(), "model.safetensors");
  fs::remove(top_ / "model.safetensors");
  fs::rename(top_ / ".metadata", top_ / "__0.metadata");
  EXPECT_ERROR(open(), ErrorKind::kNotRegular, "nor a .metadata");
  EXPECT_TRUE(open("__0.metadata")->folder.has_value());
}

TEST_F(CheckpointFilesTest, TwoIndicesAreOneTooMany) {
  write("shard", "x");
  write_index("a.safetensors.index.json");
  write_index("b.safetensors.index.json");
  EXPECT_ERROR(open(), ErrorKind::kUnsupported,
               "2 checkpoints: 'a.safetensors.index.json', 'b.safetensors.index.json'");
  EXPECT_EQ(first("b.safetensors.index.json"), "shard");
  for (int i = 0; i < 20; ++i) write_index(std::to_string(i) + ".safetensors.index.json");
  EXPECT_ERROR(open(), ErrorKind::kUnsupported, "22 checkpoints: '0.");
  EXPECT_ERROR(open(), ErrorKind::kUnsupported, " and more");
}

TEST_F(CheckpointFilesTest, ErrorsNameTheFile) {
  write_index("index.json", "absent");
  EXPECT_ERROR(open("index.json"), ErrorKind::kIo, "/absent: ");
  write_index("index.json", "..");
  EXPECT_ERROR(open("index.json"), ErrorKind::kName, "/index.json: ");
  ASSERT_EQ(::mkfifo((top_ / "pipe").c_str(), 0600), 0);
  write_index("index.json", "pipe");
  EXPECT_ERROR(open("index.json"), ErrorKind::kNotRegular, "/pipe: ");
  EXPECT_ERROR(open("absent.pt"), ErrorKind::kIo, "/absent.pt: ");
}

TEST_F(CheckpointFilesTest, Links) {
  write("shard", "x");
  write_index("real.json", "link");
  fs::create_symlink("shard", top_ / "link");
  fs::create_symlink("real.json", top_ / "model.safetensors.index.json");
  EXPECT_OK(open());
  EXPECT_ERROR(open("", {.follow_links = false}), ErrorKind::kName, "index.json");
  // A link that the caller names is followed; its shards are sought beside it.
  EXPECT_OK(open("model.safetensors.index.json"));
  EXPECT_ERROR(open("model.safetensors.index.json", {.follow_links = false}), ErrorKind::kName,
               "/link: ");
}

}  // namespace
}  // namespace hardload
