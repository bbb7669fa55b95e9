#include "loader/torch/load.h"

#include <algorithm>
#include <utility>

#include "loader/base/text.h"
#include "loader/bytes/file_source.h"
#include "loader/bytes/slice_source.h"
#include "loader/manifest/describe.h"
#include "loader/place/place.h"
#include "loader/place/selection.h"
#include "loader/torch/devices.h"
#include "loader/torch/guard.h"
#include "loader/torch/move_tensors.h"

namespace hardload {

Result<std::shared_ptr<const Manifest>> describe_for(const ByteSource& source,
                                                     const LoadOptions& options) {
  HARDLOAD_ASSIGN(Manifest manifest, describe(source, {.limits = options.limits,
                                                       .verify_crc = options.verify_crc,
                                                       .unlisted = options.unlisted}));
  return std::make_shared<const Manifest>(std::move(manifest));
}

Result<std::vector<Device>> place_for(const Manifest& manifest, const MapLocation& map_location) {
  auto places = guarded([&] { return place(manifest, map_location, machine_devices); });
  if (places.ok() || places.error().kind() != ErrorKind::kUnsupported) return places;
  return Error(ErrorKind::kDevice, Stage::kPlace,
               concat("the function given as map_location failed: ", places.error().problem()));
}

Result<std::shared_ptr<const ByteSource>> archive_in(std::shared_ptr<const ByteSource> source,
                                                     const LoadOptions& options) {
  if (options.offset == 0) return source;
  const std::uint64_t behind = std::max(source->size(), options.offset) - options.offset;
  return SliceSource::make(std::move(source), options.offset, behind);
}

Result<std::shared_ptr<const ByteSource>> open_for(const std::string& path,
                                                   const LoadOptions& options) {
  HARDLOAD_ASSIGN(auto source, options.mapped ? MappedSource::open(path) : FileSource::open(path));
  return std::shared_ptr<const ByteSource>(std::move(source));
}

Result<Checkpoint> load(const std::string& path, const LoadOptions& options) {
  return guarded([&]() -> Result<Checkpoint> {
    HARDLOAD_ASSIGN(auto source, open_for(path, options));
    return load(std::move(source), options);
  });
}

Result<Checkpoint> load(std::shared_ptr<const ByteSource> source, const LoadOptions& options) {
  auto loaded = guarded([&]() -> Result<Checkpoint> {
    HARDLOAD_ASSIGN(const auto archive, archive_in(source, options));
    // Describe: what the file holds, and where each part of it goes.
    HARDLOAD_ASSIGN(auto manifest, describe_for(*archive, options));
    HARDLOAD_ASSIGN(const Selection selection, select(*manifest, options.only));
    HARDLOAD_ASSIGN(const auto places, place_for(*manifest, options.map_location));
    // Move: all bytes, or nothing.
    return move_tensors(archive, std::move(manifest), selection, places, options);
  });
  if (loaded.ok() || !loaded.error().source().empty()) return loaded;
  return std::move(loaded).error().in_source(source->name());
}

}  // namespace hardload
