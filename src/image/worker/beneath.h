#pragma once
/// Opening below a folder without ever leaving it: the kernel walks (openat2), follows no symbolic link and refuses
/// "..".
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::image {

/// What a walk does at a symbolic link.
enum class Links : std::uint8_t {
  kRefused,   ///< anywhere in the path
  kInFolder,  ///< followed as if `folder` were the root of everything
};

/// `path` below `folder`; empty is the folder itself. Errors name the path.
Result<Fd> open_beneath(FdRef folder, std::string_view path, int flags, unsigned mode = 0,
                        Links links = Links::kRefused);

/// Everything in the folder goes, but for what `keeps` answers true for (a path relative to `folder`); links are not
/// followed. True if the folder is empty then.
using Keeps = bool (*)(const void* context, const std::string& path);
Result<bool> empty_folder(FdRef folder, const std::string& path, Keeps keeps = nullptr, const void* context = nullptr);

}  // namespace brig::image
