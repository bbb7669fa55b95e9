// What happens left of tensors: describing files, matching keys, moving bytes, checking and writing
// files anew. Without LibTorch, whose start takes callgrind half a minute.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/gate/cases.h"
#include "bench/gate/files.h"
#include "loader/base/error.h"
#include "loader/bytes/file_source.h"
#include "loader/cli/convert.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "loader/match/diagnose.h"
#include "loader/match/match.h"
#include "loader/transfer/arena.h"
#include "loader/transfer/device_copies.h"
#include "loader/transfer/sink.h"
#include "loader/transfer/transfer.h"

namespace hardload::bench {
namespace {

using Call = std::function<void()>;

constexpr Shape kSmall = {.tensors = 2000, .floats = 16};
constexpr Shape kLarge = {.tensors = 4, .floats = 1 << 20};  // 16 MiB
constexpr Shape kMedium = {.tensors = 200, .floats = 1 << 12};
constexpr Limits kLimits;

void expect(bool is_right) {
  if (!is_right) throw std::runtime_error("the result of a case is wrong");
}

// ---- describe ----

Call describes(const std::string& path, std::size_t names) {
  return [=] {
    const auto source = FileSource::open(path).value();
    expect(describe(*source, {}).value().named_tensors().size() == names);
  };
}

Call describe_zip(const std::string& folder) {
  return describes(write(folder, "a.pt", zip_file(kSmall)), kSmall.tensors);
}
Call describe_legacy(const std::string& folder) {
  return describes(write(folder, "a.pt", legacy_file(kSmall)), kSmall.tensors);
}
Call describe_safetensors(const std::string& folder) {
  return describes(write(folder, "a.safetensors", safetensors_file(kSmall)), kSmall.tensors);
}

// ---- refuse ----

Call refuses(const std::string& path, ErrorKind kind) {
  return [=] {
    const auto source = FileSource::open(path).value();
    const auto result = describe(*source, {});
    expect(!result.ok() && result.error().kind() == kind);
  };
}

Call refuse_cut(const std::string& folder) {
  std::string bytes = zip_file(kSmall);
  bytes.resize(bytes.size() / 2);
  return refuses(write(folder, "a.pt", bytes), ErrorKind::kContainer);
}
Call refuse_global(const std::string& folder) {
  return refuses(write(folder, "a.pt", forbidden_file(kSmall)), ErrorKind::kGlobal);
}

// ---- match ----

// A container of many children, and a state dict for it with `prefix` before each key.
struct Matching {
  explicit Matching(std::size_t children, const std::string& prefix) {
    const Shape shape = {.tensors = children, .floats = 4};
    module.class_name = "Flat";
    module.nodes.push_back({});
    for (std::size_t i = 0; i < children; ++i) {
      const std::string name = shape.name(i);
      const std::string path = name.substr(0, name.rfind('.') + 1);
      module.nodes[0].children.push_back(
          {path.substr(0, path.size() - 1), static_cast<std::uint32_t>(i + 1)});
      ModuleSpec::Node node;
      node.prefix = path;
      node.entries.push_back({"weight", {4}});
      module.nodes.push_back(std::move(node));
      keys.push_back(prefix + name);
    }
    for (const std::string& key : keys) entries.push_back({key, {}, sizes});
  }
  Matching(const Matching&) = delete;  // the entries borrow the keys
  Matching& operator=(const Matching&) = delete;

  const std::vector<std::int64_t> sizes = {4};
  ModuleSpec module;
  std::vector<std::string> keys;
  std::vector<StateEntry> entries;
};

Call match_flat(const std::string&) {
  const auto flat = std::make_shared<Matching>(2000, "");
  return [=] { expect(match(flat->module, flat->entries).fits(/*strict=*/true)); };
}
Call match_prefixed(const std::string&) {
  const auto flat = std::make_shared<Matching>(300, "module.");
  return [=] {
    const MatchReport report = match(flat->module, flat->entries);
    const Diagnosis diagnosis = diagnose(report, {flat->module, flat->entries});
    expect(diagnosis.cause == Diagnosis::Cause::kPrefix);
  };
}

// ---- move ----

// New memory for all storages, as load() takes it.
class ArenaSink final : public Sink {
 public:
  ~ArenaSink() override {
    for (void* owner : owners_) Arena::release(owner);
  }
  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override {
    std::vector<std::uint64_t> sizes;
    for (const Wanted& wanted : storages) sizes.push_back(wanted.bytes);
    HARDLOAD_ASSIGN(Arena arena, Arena::make(sizes));
    std::vector<Destination> destinations;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Arena::Piece piece = arena.next();
      destinations.push_back({piece.data});
      owners_.push_back(piece.owner);
    }
    return destinations;
  }

 private:
  std::vector<void*> owners_;
};

// A device whose memory is the host's and whose copies are done at once.
class DeviceSink final : public Sink, private DeviceCopies {
 public:
  Result<std::vector<Destination>> allocate(std::span<const Wanted> storages) override {
    std::uint64_t total = 0;
    const auto whole = [](std::uint64_t bytes) {
      return (bytes + DeviceCopies::kUnit - 1) / DeviceCopies::kUnit * DeviceCopies::kUnit;
    };
    for (const Wanted& wanted : storages) total += whole(wanted.bytes);
    memory_.resize(total);
    std::vector<Destination> destinations;
    std::byte* next = memory_.data();
    for (const Wanted& wanted : storages) {
      destinations.push_back({next, this});
      next += whole(wanted.bytes);
    }
    return destinations;
  }

 private:
  Result<std::span<std::byte>> staging(std::size_t slots, std::uint64_t bytes) override {
    staging_.resize(slots * bytes);
    return std::span<std::byte>(staging_);
  }
  Result<void> copy(std::size_t, std::span<const std::byte> bytes, std::byte* address) override {
    std::memcpy(address, bytes.data(), bytes.size());
    return {};
  }
  Result<void> finish(std::size_t) override { return {}; }

  std::vector<std::byte> memory_, staging_;
};

template <typename AnySink>
Call moves(const std::string& path, const Shape& shape, bool verify_crc = true) {
  return [=] {
    const auto source = FileSource::open(path).value();
    const Manifest manifest = describe(*source, {}).value();
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < manifest.storages().size(); ++i) numbers.push_back(i);
    AnySink sink;
    const TransferReport report =
        transfer(*source, manifest, numbers, sink,
                 {.limits = kLimits, .threads = 1, .verify_crc = verify_crc})
            .value();
    expect(report.bytes == shape.bytes());
  };
}

Call move_small(const std::string& folder) {
  return moves<ArenaSink>(write(folder, "a.pt", zip_file(kSmall)), kSmall);
}
Call move_large(const std::string& folder) {
  return moves<ArenaSink>(write(folder, "a.pt", zip_file(kLarge)), kLarge);
}
Call move_large_no_crc(const std::string& folder) {
  return moves<ArenaSink>(write(folder, "a.pt", zip_file(kLarge)), kLarge, /*verify_crc=*/false);
}
Call move_deflated(const std::string& folder) {
  return moves<ArenaSink>(write(folder, "a.pt", deflated_zip_file(kMedium)), kMedium);
}
Call move_small_to_device(const std::string& folder) {
  return moves<DeviceSink>(write(folder, "a.pt", zip_file(kSmall)), kSmall);
}
Call move_large_to_device(const std::string& folder) {
  return moves<DeviceSink>(write(folder, "a.pt", zip_file(kLarge)), kLarge);
}

// ---- check, and write anew ----

Call verify_zip(const std::string& folder) {
  const std::string path = write(folder, "a.pt", zip_file(kMedium));
  return [=] {
    const auto source = FileSource::open(path).value();
    expect(verify(*source, kLimits).value().findings.empty());
  };
}
// As a file whose storage has a flipped bit is found out.
Call verify_damaged(const std::string& folder) {
  std::string bytes = zip_file(kMedium);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  const std::string path = write(folder, "a.pt", bytes);
  return [=] {
    const auto source = FileSource::open(path).value();
    expect(verify(*source, kLimits).value().findings.size() == 1);
  };
}

Call converts(const std::string& from, const std::string& to, Format format) {
  return [=] {
    const auto source = FileSource::open(from).value();
    const Manifest manifest = describe(*source, {}).value();
    ConvertOptions options;
    options.to = format;
    options.overwrite = true;
    options.sync = false;
    convert(*source, manifest, to, options).value();
  };
}

Call convert_to_safetensors(const std::string& folder) {
  return converts(write(folder, "a.pt", zip_file(kMedium)), folder + "/b.safetensors",
                  Format::kSafetensors);
}
Call convert_to_torch(const std::string& folder) {
  return converts(write(folder, "a.safetensors", safetensors_file(kMedium)), folder + "/b.pt",
                  Format::kTorchZip);
}

constexpr Case kCases[] = {
    {"describe/zip", describe_zip},
    {"describe/legacy", describe_legacy},
    {"describe/safetensors", describe_safetensors},
    {"refuse/cut", refuse_cut},
    {"refuse/global", refuse_global},
    {"match/flat", match_flat},
    {"match/prefixed", match_prefixed},
    {"move/small", move_small},
    {"move/large", move_large},
    {"move/large-no-crc", move_large_no_crc},
    {"move/deflated", move_deflated},
    {"move/small-to-device", move_small_to_device},
    {"move/large-to-device", move_large_to_device},
    {"verify/zip", verify_zip},
    {"verify/damaged", verify_damaged},
    {"convert/to-safetensors", convert_to_safetensors},
    {"convert/to-torch", convert_to_torch},
};

}  // namespace

std::span<const Case> cases() { return kCases; }

}  // namespace hardload::bench
