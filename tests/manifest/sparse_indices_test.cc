// The invariants of sparse tensors' indices, in torch's words.

#include "loader/manifest/sparse_indices.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/manifest/tensor_calls.h"

namespace hardload {
namespace {

namespace push = testing::push;
using testing::CheckpointBuilder;
using testing::PickleBuilder;
using Dims = std::vector<std::int64_t>;

// A sparse tensor of 5 elements over storages that are large enough; the file's own indices do not
// matter here.
class Sparse {
 public:
  Sparse(const char* layout, const std::vector<std::pair<Dims, Dims>>& parts, const Dims& size,
         bool is_coalesced = false)
      : manifest_(make(layout, parts, size, is_coalesced)) {}

  Result<void> check(const Dims& indices, const Dims& plain = {}) const {
    const TensorSpec& tensor = manifest_.tensors()[manifest_.named_tensors()[0].tensor];
    return check_sparse_indices(manifest_, tensor, indices, plain);
  }

 private:
  static Manifest make(const char* layout, const std::vector<std::pair<Dims, Dims>>& parts,
                       const Dims& size, bool is_coalesced) {
    PickleBuilder data("");
    data.mark();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const bool is_values = i + 1 == parts.size();
      data.tensor(is_values ? "FloatStorage" : "LongStorage", is_values ? "1" : "0", 64,
                  parts[i].first, parts[i].second);
    }
    data.integers(size);
    if (std::string_view(layout) == "torch.sparse_coo") data.boolean(is_coalesced);
    const std::string sparse =
        push::call("torch._utils", "_rebuild_sparse_tensor",
                   {push::call("torch.serialization", "_get_layout", {push::text(layout)}),
                    data.tuple().bytes()});
    return testing::describe_file(
               CheckpointBuilder()
                   .pickle(PickleBuilder().empty_dict().text("w").raw(sparse).op('s').stop())
                   .storage("0", std::string(512, '\0'))
                   .storage("1", std::string(256, '\0')))
        .value();
  }

  Manifest manifest_;
};

TEST(CooIndices, AreBelowTheSizes) {
  const Sparse coo("torch.sparse_coo", {{{2, 3}, {3, 1}}, {{3}, {1}}}, {4, 5});
  EXPECT_OK(coo.check({0, 3, 1, 4, 0, 4}));
  EXPECT_OK(coo.check({1, 1, 1, 2, 2, 2}));  // not coalesced: places may repeat
  EXPECT_ERROR(coo.check({0, 4, 1, 4, 0, 4}), ErrorKind::kLayout,
               "size is inconsistent with indices: for dim 0, size is 4 but found index 4");
  EXPECT_ERROR(coo.check({0, 3, 1, 4, 0, 5}), ErrorKind::kLayout,
               "for dim 1, size is 5 but found index 5");
  EXPECT_ERROR(coo.check({0, 3, -1, 4, 0, 4}), ErrorKind::kLayout, "found index -1");
}

TEST(CooIndices, OfACoalescedTensorAreSortedAndDistinct) {
  const Sparse coo("torch.sparse_coo", {{{2, 3}, {3, 1}}, {{3}, {1}}}, {4, 5}, true);
  EXPECT_OK(coo.check({0, 0, 1, 3, 4, 0}));
  EXPECT_ERROR(coo.check({0, 0, 1, 3, 3, 0}), ErrorKind::kLayout, "not sorted and distinct");
  EXPECT_ERROR(coo.check({0, 1, 0, 0, 0, 0}), ErrorKind::kLayout, "not sorted and distinct");
  EXPECT_ERROR(coo.check({1, 1, 1, 4, 3, 5 - 1}), ErrorKind::kLayout, "not sorted and distinct");
}

TEST(CooIndices, MayBeNone) {
  const Sparse none("torch.sparse_coo", {{{2, 0}, {1, 1}}, {{0}, {1}}}, {0, 5}, true);
  EXPECT_OK(none.check({}));
  const Sparse scalar("torch.sparse_coo", {{{0, 1}, {1, 1}}, {{1}, {1}}}, {}, true);
  EXPECT_OK(scalar.check({}));
  const Sparse two("torch.sparse_coo", {{{0, 2}, {1, 1}}, {{2}, {1}}}, {}, true);
  EXPECT_ERROR(two.check({}), ErrorKind::kLayout, "not sorted and distinct");
}

void expect_compressed_checks(const Sparse& sparse, std::string compressed, std::string plain) {
  // 3 rows of 4 places, 5 elements.
  EXPECT_OK(sparse.check({0, 2, 2, 5}, {0, 3, 0, 1, 2}));
  const auto unmet = [&](const Dims& indices, const Dims& plains, const std::string& text) {
    EXPECT_ERROR(sparse.check(indices, plains), ErrorKind::kLayout,
                 "`" + text + "` is not satisfied");
  };
  unmet({1, 2, 2, 5}, {0, 3, 0, 1, 2}, compressed + "[..., 0] == 0");
  unmet({0, 2, 2, 4}, {0, 3, 0, 1, 2}, compressed + "[..., -1] == nnz");
  const std::string steps = "0 <= " + compressed + "[..., 1:] - " + compressed + "[..., :-1] <= 4";
  unmet({0, 3, 2, 5}, {0, 1, 2, 1, 2}, steps);
  unmet({0, 0, 5, 5}, {0, 1, 2, 3, 3}, steps);
  unmet({0, -9, 2, 5}, {0, 3, 0, 1, 2}, steps);
  unmet({0, 2, 2, 5}, {0, 4, 0, 1, 2}, "0 <= " + plain + " < 4");
  unmet({0, 2, 2, 5}, {0, 3, -1, 1, 2}, "0 <= " + plain + " < 4");
  const std::string sorted = plain + "[..., " + compressed + "[..., i - 1]:" + compressed +
                             "[..., i]] for all i are sorted and distinct";
  unmet({0, 2, 2, 5}, {3, 0, 0, 1, 2}, sorted);
  unmet({0, 2, 2, 5}, {0, 3, 0, 2, 2}, sorted);
}

TEST(CompressedIndices, KeepTorchsInvariants) {
  const Dims one = {1};
  expect_compressed_checks(Sparse("torch.sparse_csr", {{{4}, one}, {{5}, one}, {{5}, one}}, {3, 4}),
                           "crow_indices", "col_indices");
  expect_compressed_checks(Sparse("torch.sparse_csc", {{{4}, one}, {{5}, one}, {{5}, one}}, {4, 3}),
                           "ccol_indices", "row_indices");
  const std::pair<Dims, Dims> blocks = {{5, 2, 3}, {6, 3, 1}};
  expect_compressed_checks(Sparse("torch.sparse_bsr", {{{4}, one}, {{5}, one}, blocks}, {6, 12}),
                           "crow_indices", "col_indices");
  expect_compressed_checks(Sparse("torch.sparse_bsc", {{{4}, one}, {{5}, one}, blocks}, {8, 9}),
                           "ccol_indices", "row_indices");
}

TEST(CompressedIndices, AreCheckedBatchByBatch) {
  const Sparse batches("torch.sparse_csr", {{{2, 3}, {3, 1}}, {{2, 2}, {2, 1}}, {{2, 2}, {2, 1}}},
                       {2, 2, 4});
  EXPECT_OK(batches.check({0, 1, 2, 0, 0, 2}, {3, 0, 1, 2}));
  EXPECT_ERROR(batches.check({0, 1, 2, 0, 0, 2}, {3, 0, 1, 4}), ErrorKind::kLayout,
               "col_indices < 4");
  EXPECT_ERROR(batches.check({0, 1, 2, 0, 0, 1}, {3, 0, 1, 2}), ErrorKind::kLayout, "== nnz");
  EXPECT_ERROR(batches.check({0, 1, 2, 0, 0, 2}, {3, 0, 2, 1}), ErrorKind::kLayout, "sorted");
}

}  // namespace
}  // namespace hardload
