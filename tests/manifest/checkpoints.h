// What tests of the manifest room share: describing checkpoints that are made in memory.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "loader/manifest/describe.h"
#include "tests/manifest/invariants.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/matchers.h"
#include "tests/support/pickle_builder.h"

namespace hardload::testing {

inline Result<Manifest> describe_bytes(std::string_view bytes,
                                       const DescribeOptions& options = {}) {
  const MemorySource source = source_of(bytes);
  auto manifest = describe(source, options);
  if (manifest.ok()) {
    EXPECT_EQ(check_invariants(source, *manifest), "");
  }
  return manifest;
}

inline Result<Manifest> describe_file(const CheckpointBuilder& file,
                                      const DescribeOptions& options = {}) {
  return describe_bytes(file.build(), options);
}

// A file with the object that `pickle` makes and a storage "0" of 24 bytes.
inline Result<Manifest> describe_pickle(const PickleBuilder& pickle, const Limits& limits = {}) {
  return describe_file(
      CheckpointBuilder().pickle(pickle.stop()).storage("0", std::string(24, '\1')),
      {.limits = limits});
}

// A tensor of one float32 of that storage.
inline std::string tensor() {
  return PickleBuilder("").tensor("FloatStorage", "0", 6, {1}, {1}).bytes();
}

}  // namespace hardload::testing
