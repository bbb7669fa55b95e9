// All that is done with a file takes work and memory in proportion to its size, whatever it holds
// many of. What is compared are no times, but how often the program branches (counted.bzl), and the
// bytes that it allocates: both are the same in every run.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "loader/base/text.h"
#include "tests/faults/works.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/failing_memory.h"
#include "tests/support/files.h"
#include "tests/support/old_formats.h"
#include "tests/support/pickle_builder.h"
#include "tests/support/safetensors_builder.h"
#include "tests/support/zip_builder.h"

namespace {

volatile std::uint64_t steps = 0;  // which nobody seems to change

}  // namespace

#if defined(__clang__)
#define NOT_COUNTED __attribute__((no_sanitize("coverage")))
#else
#define NOT_COUNTED __attribute__((no_sanitize_coverage))
#endif

extern "C" NOT_COUNTED void __sanitizer_cov_trace_pc() { steps = steps + 1; }

namespace hardload {
namespace {

using testing::CheckpointBuilder;
using testing::Outcome;
using testing::PickleBuilder;
using testing::Work;

constexpr int kMany = 400, kTimes = 8;
constexpr double kMost = kTimes * 1.3;  // sorting takes a little more than in proportion

// The path of a checkpoint that holds so many of something.
using Make = std::function<std::string(int many)>;
struct Shape {
  const char* name;
  Make make;
};

std::string write(const std::string& bytes) { return testing::write_temporary("many", bytes); }

std::string zip_of(const PickleBuilder& pickle) {
  return CheckpointBuilder().pickle(pickle.stop()).build();
}

// A dict of tensors, each with a storage of its own, or all with one; `tweaks`: of their records.
std::string tensors(int many, bool is_shared, const testing::RecordTweaks& tweaks = {}) {
  PickleBuilder pickle;
  CheckpointBuilder builder;
  pickle.empty_dict().mark();
  for (int i = 0; i < many; ++i) {
    const std::string key = std::to_string(is_shared ? 0 : i);
    pickle.text(concat("layers.", i, ".weight")).tensor("FloatStorage", key, 1, {1}, {1});
    if (i == 0 || !is_shared) builder.record("data/" + key, "abcd", tweaks);
  }
  return builder.pickle(pickle.op('u').stop()).build();
}

std::string many_keys(int many) {
  PickleBuilder pickle;
  pickle.empty_dict().mark();
  for (int i = 0; i < many; ++i) pickle.text(concat("key ", i)).integer(i);
  return zip_of(pickle.op('u'));
}

std::string many_records(int many) {
  CheckpointBuilder builder;
  for (int i = 0; i < many; ++i) builder.storage(std::to_string(i), "abcd");
  return builder.pickle(PickleBuilder().empty_dict().stop()).build();
}

std::string many_lists_in_each_other(int many) {
  PickleBuilder pickle;
  for (int i = 0; i < many; ++i) pickle.empty_list();
  pickle.tensor("FloatStorage", "0", 1, {1}, {1});
  for (int i = 0; i < many; ++i) pickle.op('a');
  return CheckpointBuilder().pickle(pickle.stop()).storage("0", "abcd").build();
}

std::string many_instructions(int many) {
  PickleBuilder pickle;
  for (int i = 0; i < many; ++i) pickle.none().op('0');
  return zip_of(pickle.empty_dict());
}

std::string many_memo_entries(int many) {
  PickleBuilder pickle;
  pickle.empty_list().mark();
  for (int i = 0; i < many; ++i) pickle.text("x").put(static_cast<std::uint32_t>(i));
  for (int i = 0; i < many; ++i) pickle.get(static_cast<std::uint32_t>(i));
  return zip_of(pickle.op('e'));
}

std::string long_name(int many) {
  const std::string name(static_cast<std::size_t>(many) * 100, 'n');
  PickleBuilder pickle;
  pickle.empty_dict().text(name).tensor("FloatStorage", "0", 1, {1}, {1}).op('s');
  return CheckpointBuilder().pickle(pickle.stop()).storage("0", "abcd").build();
}

std::string many_in_safetensors(int many) {
  std::string header = "{\"__metadata__\":{";
  for (int i = 0; i < many; ++i) append(header, i == 0 ? "" : ",", "\"", i, "\":\"text\"");
  header += "}";
  for (int i = 0; i < many; ++i) {
    const auto begin = static_cast<std::uint64_t>(i) * 4;
    append(header, ",", testing::member(concat("layers.", i), "F32", "[1]", begin, begin + 4));
  }
  return testing::safetensors(header + "}", std::string(static_cast<std::size_t>(many) * 4, 'x'));
}

std::string many_in_a_legacy_stream(int many) {
  PickleBuilder pickle;
  testing::StreamBuilder builder;
  pickle.empty_dict().mark();
  for (int i = 0; i < many; ++i) {
    const std::string key = std::to_string(i);
    pickle.text("layer " + key).raw(testing::old_tensor(key, 1, {1}, {1}));
    builder.storage(key, 1, "abcd");
  }
  return builder.object(pickle.op('u').stop()).build();
}

std::string many_in_an_export(int many) {
  testing::ZipBuilder zip;
  std::string config;
  for (int i = 0; i < many; ++i) {
    zip.add(concat("m/data/weights/weight_", i), "abcd");
    append(config, i == 0 ? "" : ",", "\"layers.", i, "\": {\"path_name\": \"weight_", i,
           "\", \"is_param\": true, \"use_pickle\": false, \"tensor_meta\": {\"dtype\": 7, "
           "\"sizes\": [{\"as_int\": 1}], \"requires_grad\": true, \"device\": {\"type\": \"cpu\", "
           "\"index\": null}, \"strides\": [{\"as_int\": 1}], \"storage_offset\": {\"as_int\": 0}, "
           "\"layout\": 7}}");
  }
  zip.add("m/data/weights/model_weights_config.json", "{\"config\": {" + config + "}}");
  zip.add("m/archive_format", "pt2").add("m/archive_version", "0").add("m/byteorder", "little");
  return zip.build();
}

// A folder with an index of so many tensors, in two files.
std::string many_in_shards(int many) {
  const std::filesystem::path folder = testing::write_temporary("many_shards", "");
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::string map, headers[2];
  for (int i = 0; i < many; ++i) {
    const auto begin = static_cast<std::uint64_t>(i / 2) * 4;
    std::string& header = headers[i % 2];
    append(header, header.empty() ? "{" : ",",
           testing::member(concat("layers.", i), "F32", "[1]", begin, begin + 4));
    append(map, i == 0 ? "" : ",", "\"layers.", i, "\":\"", i % 2, "\"");
  }
  const std::string data(static_cast<std::size_t>(many) / 2 * 4, 'x');
  const auto write_file = [&](const char* name, const std::string& content) {
    std::ofstream(folder / name, std::ios::binary) << content;
  };
  write_file("0", testing::safetensors(headers[0] + "}", data));
  write_file("1", testing::safetensors(headers[1] + "}", data));
  write_file("model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
  return folder.string();
}

const Shape kShapes[] = {
    {"tensors", [](int many) { return write(tensors(many, /*is_shared=*/false)); }},
    {"tensors of one storage", [](int many) { return write(tensors(many, /*is_shared=*/true)); }},
    {"deflated records",
     [](int many) { return write(tensors(many, /*is_shared=*/false, {.deflate = true})); }},
    {"keys", [](int many) { return write(many_keys(many)); }},
    {"records", [](int many) { return write(many_records(many)); }},
    {"lists in each other", [](int many) { return write(many_lists_in_each_other(many)); }},
    {"instructions", [](int many) { return write(many_instructions(many)); }},
    {"memo entries", [](int many) { return write(many_memo_entries(many)); }},
    {"bytes of a name", [](int many) { return write(long_name(many)); }},
    {"tensors of safetensors", [](int many) { return write(many_in_safetensors(many)); }},
    {"tensors of a legacy stream", [](int many) { return write(many_in_a_legacy_stream(many)); }},
    {"tensors of an export", [](int many) { return write(many_in_an_export(many)); }},
    {"tensors of shards", many_in_shards},
};

struct Cost {
  double steps, allocated;
};

Cost cost_of(const Work& work, const std::string& path) {
  const long allocated = testing::allocated_bytes();
  const std::uint64_t before = steps;
  const Outcome outcome = testing::outcome_of(work, path);
  const Cost cost = {static_cast<double>(steps - before),
                     static_cast<double>(testing::allocated_bytes() - allocated)};
  EXPECT_FALSE(outcome.error) << work.name << ": " << outcome.text;
  return cost;
}

TEST(Linear, InWhatAFileHoldsManyOf) {
  for (const Shape& shape : kShapes) {
    for (const Work& work : testing::works()) {
      const Cost one = cost_of(work, shape.make(kMany));
      const Cost more = cost_of(work, shape.make(kMany * kTimes));
      EXPECT_LT(more.steps, one.steps * kMost) << shape.name << ", " << work.name;
      EXPECT_LT(more.allocated, one.allocated * kMost) << shape.name << ", " << work.name;
      // Both files are read to their end.
      EXPECT_GT(more.steps, one.steps * 1.5) << shape.name << ", " << work.name;
    }
  }
}

// What the counters are there to see.
TEST(Linear, CountsWhatGrowsFaster) {
  const auto pairs = [](int many) {
    volatile int equal = 0;
    const std::uint64_t before = steps;
    for (int i = 0; i < many; ++i) {
      for (int j = 0; j < i; ++j) {
        if ((i ^ j) % 7 == 0) equal = equal + 1;
      }
    }
    return static_cast<double>(steps - before);
  };
  EXPECT_GT(pairs(kMany * kTimes), pairs(kMany) * kMost);
}

}  // namespace
}  // namespace hardload
