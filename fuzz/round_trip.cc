#include "fuzz/round_trip.h"

#include <memory>
#include <string>

#include "fuzz/check.h"
#include "loader/base/text.h"
#include "loader/torch/load.h"
#include "loader/torch/save.h"
#include "loader/torch/to_tree.h"
#include "tests/support/matchers.h"
#include "tests/support/string_sink.h"
#include "tests/torch/difference.h"

namespace hardload::fuzz {

bool check_round_trip(const Tree& tree, const Limits& limits) {
  testing::StringSink file, again;
  if (const auto saved = save(tree, file, {.limits = limits}); !saved.ok()) {
    const ErrorKind kind = saved.error().kind();
    check(kind == ErrorKind::kUnsupported || kind == ErrorKind::kKey || kind == ErrorKind::kLimit,
          concat("save() announces this error: ", saved.error().display()));
    check(!saved.error().advice().empty(), "an error gives advice");
    return false;
  }
  const auto source = std::make_shared<MemorySource>(testing::source_of(file.content));
  const auto loaded = load(source, {.threads = 1, .limits = limits});
  if (!loaded.ok()) {
    // Only a walk along all paths finds that branches are shared too often.
    const bool is_walk = loaded.error().message().find("max_walk_ratio") != std::string::npos;
    check(is_walk, concat("what is saved is loaded: ", loaded.error().display()));
    return false;
  }
  const auto back = to_tree(*loaded);
  check(back.ok(), "what is saved can be saved again");
  const std::string fault = testing::difference(tree, *back);
  check(fault.empty(), concat("what is saved comes back, but not ", fault));
  check(save(*back, again, {.limits = limits}).ok(), "what is saved can be saved again");
  check(file.content == again.content, "the same object gives the same file");
  return true;
}

}  // namespace hardload::fuzz
