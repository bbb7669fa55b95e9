// Folder opens regular files of its own and what links within bounds lead to, and nothing else.

#include "loader/bytes/folder.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

namespace fs = std::filesystem;

// A folder of its own for each test.
class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    top_ = fs::path(testing::write_temporary(test->name(), ""));
    fs::remove_all(top_);
    fs::create_directories(top_ / "model/sub");
  }

  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((top_ / path).parent_path());
    std::ofstream(top_ / path) << text;
  }
  void link(const fs::path& target, const fs::path& path) {
    fs::create_directories((top_ / path).parent_path());
    fs::create_symlink(target, top_ / path);
  }

  // The content of `name` in the folder `folder`.
  Result<std::string> read(const std::string& name, OpenFileOptions options = {},
                           const std::string& folder = "model") const {
    HARDLOAD_ASSIGN(const Folder opened, Folder::open((top_ / folder).string()));
    HARDLOAD_ASSIGN(const auto source, opened.open_file(name, options));
    std::string text(source->size(), '?');
    HARDLOAD_TRY(source->read_at(0, std::as_writable_bytes(std::span(text))));
    return text;
  }

  fs::path top_;
};

constexpr OpenFileOptions kNoLinks = {.follow_links = false};

TEST_F(FolderTest, OpensAFileByItsPlainName) {
  write("model/a b:c", "text");
  EXPECT_EQ(read("a b:c").value(), "text");
  EXPECT_EQ(read("a b:c", kNoLinks).value(), "text");
  const auto mapped =
      Folder::open((top_ / "model").string()).value().open_file("a b:c", {.mapped = true});
  ASSERT_OK(mapped);
  EXPECT_EQ(testing::text_of((*mapped)->view()), "text");
  EXPECT_EQ((*mapped)->name(), (top_ / "model/a b:c").string());
  const auto slash = Folder::open((top_ / "model/").string()).value().open_file("a b:c", {});
  ASSERT_OK(slash);
  EXPECT_EQ((*slash)->name(), (top_ / "model/a b:c").string());
}

TEST_F(FolderTest, NamesThatAreMoreThanOnePlainComponent) {
  write("outside", "x");
  write("model/sub/file", "x");
  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("../outside"),
        std::string("sub/file"), std::string("./sub/file"), (top_ / "outside").string(),
        std::string("sub\\file"), std::string("https://host/file"), std::string("a\0b", 3),
        std::string(256, 'a')}) {
    EXPECT_ERROR(read(name), ErrorKind::kName, "");
    EXPECT_FALSE(is_plain_name(name));
  }
  EXPECT_TRUE(is_plain_name(std::string(255, 'a')));
  EXPECT_TRUE(is_plain_name("..."));
}

TEST_F(FolderTest, LinksThatEndUnderTheFolder) {
  write("model/file", "text");
  write("model/sub/deep", "deep text");
  link("file", "model/plain");
  link("sub/deep", "model/deeper");
  link("plain", "model/twice");
  link(top_ / "model/file", "model/absolute");
  link("../model/sub/../file", "model/around");
  for (const std::string name : {"plain", "twice", "absolute", "around"}) {
    EXPECT_EQ(read(name).value(), "text") << name;
    EXPECT_ERROR(read(name, kNoLinks), ErrorKind::kName, "symbolic link");
  }
  EXPECT_EQ(read("deeper").value(), "deep text");
}

TEST_F(FolderTest, LinksThatLeaveTheFolder) {
  write("outside", "secret");
  write("model2/file", "secret");  // a name that begins as the folder's
  link("../outside", "model/a");
  link(top_ / "outside", "model/b");
  link("../model2/file", "model/c");
  link("..", "model/up");
  link("up/outside", "model/d");
  link("/proc/self/status", "model/e");
  for (const std::string name : {"a", "b", "c", "d", "e"}) {
    EXPECT_ERROR(read(name), ErrorKind::kName, "leaves the folder");
  }
}

TEST_F(FolderTest, LinksThatEndNowhereOrInNoFile) {
  link("absent", "model/dangling");
  link("loop", "model/loop");
  link("sub", "model/folder");
  link("pipe", "model/to_pipe");
  link("/dev/zero", "model/device");
  ASSERT_EQ(::mkfifo((top_ / "model/pipe").c_str(), 0600), 0);
  EXPECT_ERROR(read("absent"), ErrorKind::kIo, "No such file");
  EXPECT_ERROR(read("dangling"), ErrorKind::kIo, "No such file");
  EXPECT_ERROR(read("loop"), ErrorKind::kIo, "");
  EXPECT_ERROR(read("folder"), ErrorKind::kNotRegular, "a folder");
  EXPECT_ERROR(read("sub"), ErrorKind::kNotRegular, "a folder");
  EXPECT_ERROR(read("pipe"), ErrorKind::kNotRegular, "a pipe");
  EXPECT_ERROR(read("to_pipe"), ErrorKind::kNotRegular, "a pipe");
  EXPECT_ERROR(read("device"), ErrorKind::kNotRegular, "a device");
}

TEST_F(FolderTest, SnapshotsOfACacheLinkIntoItsBlobs) {
  write("models--org--net/blobs/abc", "blob");
  write("models--org--net/other/abc", "other");
  write("models--org--two/blobs/abc", "another model");
  const fs::path snapshot = "models--org--net/snapshots/rev";
  link("../../blobs/abc", snapshot / "file");
  link("../../../blobs/abc", snapshot / "unet/file");
  link("../../other/abc", snapshot / "other");
  link("../../../models--org--two/blobs/abc", snapshot / "another");
  link("../../outside", "models--org--net/blobs/evil");
  link("../../blobs/evil", snapshot / "evil");
  write("outside", "secret");
  EXPECT_EQ(read("file", {}, snapshot).value(), "blob");
  EXPECT_EQ(read("file", {}, snapshot / "unet").value(), "blob");
  EXPECT_ERROR(read("file", kNoLinks, snapshot), ErrorKind::kName, "symbolic link");
  for (const std::string name : {"other", "another", "evil"}) {
    EXPECT_ERROR(read(name, {}, snapshot), ErrorKind::kName, "leaves the folder");
  }
  // The same by way of a link to the snapshot, which is the caller's.
  link(snapshot, "mine");
  EXPECT_EQ(read("file", {}, "mine").value(), "blob");
  // No cache: blobs beside any other folder.
  write("net/blobs/abc", "blob");
  link("../../blobs/abc", "net/snapshots/rev/file");
  EXPECT_ERROR(read("file", {}, "net/snapshots/rev"), ErrorKind::kName, "leaves the folder");
}

TEST_F(FolderTest, WhatIsNoFolder) {
  write("file", "x");
  EXPECT_ERROR(Folder::open((top_ / "file").string()), ErrorKind::kNotRegular, "no folder");
  EXPECT_ERROR(Folder::open((top_ / "absent").string()), ErrorKind::kIo, "No such file");
  EXPECT_ERROR(Folder::open(std::string("a\0b", 3)), ErrorKind::kIo, "NUL");
}

TEST_F(FolderTest, ListsNamesByTheirEndings) {
  for (const std::string name : {"b.json", "a.json", "c.bin", "d.txt", ".json"}) {
    write("model/" + name, "x");
  }
  const Folder folder = Folder::open((top_ / "model").string()).value();
  const std::vector<std::string> expected = {".json", "a.json", "b.json", "c.bin"};
  EXPECT_EQ(folder.names({".json", ".bin"}).value(), expected);
  EXPECT_EQ(folder.names({".json", ".bin"}).value(), expected);  // from the start again
  EXPECT_TRUE(folder.names({".pt"}).value().empty());
}

// Every descriptor is closed again, whatever becomes of it.
TEST_F(FolderTest, LeavesNoDescriptorBehind) {
  write("model/file", "text");
  link("../x", "model/bad");
  write("x", "x");
  const auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = count();
  EXPECT_OK(read("file"));
  EXPECT_FALSE(read("bad").ok());
  EXPECT_FALSE(read("sub").ok());
  EXPECT_OK(Folder::open((top_ / "model").string()).value().names({"x"}));
  EXPECT_EQ(count(), before);
  {
    Folder folder = Folder::open(top_.string()).value();
    folder = Folder::open((top_ / "model").string()).value();  // instead
    EXPECT_OK(folder.open_file("file", {}));
    EXPECT_FALSE(folder.open_file("x", {}).ok());
    EXPECT_EQ(count(), before + 1);
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace hardload
