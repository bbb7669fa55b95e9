#include "loader/container/inflate.h"

#include <memory>

#include <libdeflate.h>

#include "loader/base/text.h"

namespace hardload {

Result<void> inflate(std::span<const std::byte> deflated, std::span<std::byte> out) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
      decompressor(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) {
    return Error(ErrorKind::kOutOfMemory, Stage::kContainer, "no memory for a decompressor");
  }
  const auto broken = [](std::string problem) {
    return Error(ErrorKind::kContainer, Stage::kContainer, std::move(problem));
  };
  std::size_t consumed = 0;
  // With no place for the number of bytes made, libdeflate insists on exactly out.size().
  switch (libdeflate_deflate_decompress_ex(decompressor.get(), deflated.data(), deflated.size(),
                                           out.data(), out.size(), &consumed, nullptr)) {
    case LIBDEFLATE_SUCCESS: break;
    case LIBDEFLATE_BAD_DATA: return broken("the deflated data is malformed");
    case LIBDEFLATE_SHORT_OUTPUT:
      return broken(
          concat("the deflated data makes fewer than the declared ", out.size(), " bytes"));
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      return broken(
          concat("the deflated data makes more than the declared ", out.size(), " bytes"));
  }
  if (consumed != deflated.size()) {
    return broken(concat(deflated.size() - consumed, " bytes follow the deflated data"));
  }
  return {};
}

}  // namespace hardload
