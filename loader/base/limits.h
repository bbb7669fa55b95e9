// Limits: how much work and memory a file may ask for before it is refused.
//
// Each is far above anything that torch.save writes for real models and far below what hurts. A
// file over a limit is refused with ErrorKind::kLimit before the memory is taken or the work done;
// a caller who trusts the file raises the limit that the message names. Independent of these, no
// number from a file sizes an allocation before it has been compared with the bytes that are there.
#pragma once

#include <cstdint>

namespace hardload {

struct Limits {
  // Bytes of the zip central directory (46 bytes and a name per record), or of the header of a
  // safetensors file. Stops: a directory that is most of a huge file, read into memory to be
  // parsed.
  std::uint64_t max_directory_bytes = std::uint64_t{1} << 30;

  // Records in an archive; tensors of a safetensors file, and its texts. Stops: millions of empty
  // records, each of which costs more memory here than in the file. A model has one record per
  // storage.
  std::uint64_t max_records = std::uint64_t{1} << 22;

  // Files that an index of shards names; each is opened. The largest models have some hundreds.
  // Stops: an index that opens files until none are left.
  std::uint64_t max_shards = 10'000;

  // Bytes of one record name. Stops: names that cost quadratic time or flood a message.
  std::uint64_t max_record_name_bytes = 4096;

  // Bytes of data.pkl, inflated. 100,000 tensors take about 20 MB. Stops: pickles so large that
  // 32-bit positions wrap, and inflated bombs.
  std::uint64_t max_pickle_bytes = std::uint64_t{1} << 30;

  // Bytes of data.pkl made from one byte of the file, by inflating; a mebibyte more is allowed. Its
  // instructions make many times their own size, so this is stricter than max_expansion. Stops: 70
  // KB that inflate to 72 MB of empty lists, which take gigabytes. Zip tools make about a tenth.
  std::uint64_t max_pickle_expansion = 32;

  // Values on the pickle machine's stack. Only a tuple puts many there. Stops: a megabyte of MARKs.
  std::uint64_t max_stack = std::uint64_t{1} << 23;

  // Memo slots that a pickle may leave unused below the highest one. Python leaves none. Stops: a
  // five-byte PUT that makes a table of 2^32 slots.
  std::uint64_t max_memo_gap = 1 << 16;

  // Bytes of a "module name" pair in a GLOBAL opcode. Stops: a line of a gigabyte.
  std::uint64_t max_global_bytes = 1024;

  // Containers inside each other. Python's own pickler gives up at about 1,000. Stops: names of
  // quadratic total length, and consumers that recurse.
  std::uint64_t max_depth = 10'000;

  // Dimensions of one tensor. Stops: a megabyte of size-1 dimensions.
  std::uint64_t max_rank = 1024;

  // The tree of values may share branches, so its walk can be exponentially longer than the file
  // (each list holding the previous one twice). The walk and the names it makes may take
  // walk_slack_bytes plus max_walk_ratio times the pickle's size.
  std::uint64_t max_walk_ratio = 64;
  std::uint64_t walk_slack_bytes = std::uint64_t{16} << 20;

  // Bytes made from one byte of the file: by inflating a record, by reading the holes of a sparse
  // file, by digesting a tensor whose strides visit a byte many times. Each may make
  // expansion_slack_bytes plus max_expansion times what is there. Stops: bombs.
  std::uint64_t max_expansion = 100;
  std::uint64_t expansion_slack_bytes = std::uint64_t{64} << 20;

  // Bytes taken from a stream that has no size (a pipe). Stops: an endless one.
  std::uint64_t max_stream_bytes = std::uint64_t{16} << 30;

  // What may be made from `present` bytes under max_expansion.
  constexpr std::uint64_t expanded(std::uint64_t present) const {
    return saturated(present, max_expansion, expansion_slack_bytes);
  }

  // The work that walking the object tree of a pickle of `bytes` may take.
  constexpr std::uint64_t walked(std::uint64_t bytes) const {
    return saturated(bytes, max_walk_ratio, walk_slack_bytes);
  }

 private:
  static constexpr std::uint64_t saturated(std::uint64_t bytes, std::uint64_t ratio,
                                           std::uint64_t slack) {
    std::uint64_t most = 0;
    if (__builtin_mul_overflow(bytes, ratio, &most) || __builtin_add_overflow(most, slack, &most)) {
      return ~std::uint64_t{0};
    }
    return most;
  }
};

}  // namespace hardload
