#pragma once
/// Archives: folders in and out of a sandbox as tar. The sandbox's own tar does the work, so that a hostile archive is
/// parsed inside and nowhere else; all that is read here is what that tar says about it, line by line.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/paths.h"
#include "sandboxes/tool.h"

namespace brig::sandboxes {

struct Unpacked {
  enum class Outcome : std::uint8_t {
    kDone,
    kRefused,  ///< an entry leads out of the folder, or is a device
    kBroken,   ///< no tar, or one that ends too early, or entries that cannot be made
    kNoSpace,
  };
  Outcome outcome = Outcome::kDone;
  std::string sentence;  ///< why, of all but kDone
};

/// Unpacks a tar, or a gzip of one, below `folder`, which is made if it is missing. Stops at the first entry that is
/// absolute, has "..", is a link to a place outside the folder (by its name) or a device; what came before it stays.
Task<Unpacked> unpack(std::shared_ptr<Sandbox> sandbox, GuestPath folder, guest::ByteSource archive);
/// A tar (or a gzip of one) of a folder's contents, or of one file. kConflict if the sandbox's tar cannot read all.
Task<> pack(std::shared_ptr<Sandbox> sandbox, GuestPath path, bool is_gzip, ToolOutput output);

/// Everything that a sandbox's programs can write, as an opaque stream that unpack_state() of another sandbox takes.
Task<> pack_state(std::shared_ptr<Sandbox> sandbox, ToolOutput output);
Task<> unpack_state(std::shared_ptr<Sandbox> sandbox, guest::ByteSource archive);

/// Why a line of `tar -xvv` tells of an entry that is refused, or of `tar`'s complaints; nothing if it does not. Pure.
std::optional<std::string> refuse_listed(std::string_view line);
std::optional<std::string> refuse_complaint(std::string_view line);

}  // namespace brig::sandboxes
