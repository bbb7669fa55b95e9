#include "loader/torch/load.h"

#include <algorithm>
#include <utility>

#include "loader/base/text.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/slice_source.h"
#include "loader/container/checkpoint_files.h"
#include "loader/manifest/describe_files.h"
#include "loader/place/place.h"
#include "loader/place/selection.h"
#include "loader/torch/devices.h"
#include "loader/torch/guard.h"
#include "loader/torch/move_tensors.h"

namespace hardload {

namespace {

DescribeOptions describe_options(const LoadOptions& options) {
  return {.limits = options.limits, .verify_crc = options.verify_crc, .unlisted = options.unlisted};
}

}  // namespace

Result<std::vector<Device>> place_for(const Manifest& manifest, const MapLocation& map_location) {
  auto places = guarded([&] { return place(manifest, map_location, machine_devices); });
  if (places.ok() || places.error().kind() != ErrorKind::kUnsupported) return places;
  return Error(ErrorKind::kDevice, Stage::kPlace,
               concat("the function given as map_location failed: ", places.error().problem()));
}

Result<Opened> open_for(const std::string& path, const LoadOptions& options) {
  const OpenFileOptions file_options = {.follow_links = options.follow_links,
                                        .mapped = options.mapped};
  if (options.offset != 0) {  // of one file
    HARDLOAD_ASSIGN(auto source,
                    options.mapped ? MappedSource::open(path) : FileSource::open(path));
    return open_for(std::shared_ptr<const ByteSource>(std::move(source)), options);
  }
  HARDLOAD_ASSIGN(auto files,
                  CheckpointFiles::open(path, {.limits = options.limits, .files = file_options}));
  HARDLOAD_ASSIGN(Described described, describe_files(std::move(files), describe_options(options)));
  return Opened{std::move(described.source),
                std::make_shared<const Manifest>(std::move(described.manifest))};
}

Result<Opened> open_for(std::shared_ptr<const ByteSource> source, const LoadOptions& options) {
  if (options.offset != 0) {
    const std::uint64_t behind = std::max(source->size(), options.offset) - options.offset;
    HARDLOAD_ASSIGN(source, SliceSource::make(std::move(source), options.offset, behind));
  }
  HARDLOAD_ASSIGN(Manifest manifest, describe(*source, describe_options(options)));
  return Opened{std::move(source), std::make_shared<const Manifest>(std::move(manifest))};
}

namespace {

// How a path or a source becomes a checkpoint, one line a stage. `name` is that of either.
template <typename From>
Result<Checkpoint> load_from(const From& from, std::string_view name, const LoadOptions& options) {
  auto loaded = guarded([&]() -> Result<Checkpoint> {
    // Describe: what the file holds, and where each part of it goes.
    HARDLOAD_ASSIGN(Opened opened, open_for(from, options));
    HARDLOAD_ASSIGN(const Selection selection, select(*opened.manifest, options.only));
    HARDLOAD_ASSIGN(const auto places, place_for(*opened.manifest, options.map_location));
    // Move: all bytes, or nothing.
    return move_tensors(opened.source, std::move(opened.manifest), selection, places, options);
  });
  if (loaded.ok() || !loaded.error().source().empty()) return loaded;
  return std::move(loaded).error().in_source(name);
}

}  // namespace

Result<Checkpoint> load(const std::string& path, const LoadOptions& options) {
  return guarded([&] { return load_from(path, path, options); });
}

Result<Checkpoint> load(std::shared_ptr<const ByteSource> source, const LoadOptions& options) {
  return guarded([&] { return load_from(source, source->name(), options); });
}

}  // namespace hardload
