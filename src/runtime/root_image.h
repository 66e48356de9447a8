#pragma once
/// RootImage: what programs find in a sandbox's root besides what every sandbox has (/dev, /proc, /tmp, /home/user,
/// /workspace). And WritableRoot: a root that is being made.
#include <optional>
#include <string>
#include <vector>

#include "base/paths.h"

namespace brig::runtime {

struct RootImage {
  std::string name = "host";  ///< of the template
  std::string digest = {};    ///< SHA-256 of the file, 64 hex digits; empty for the host's /usr
  std::optional<HostPath> file =
      {};  ///< an EROFS or squashfs image, never changed once it is there; none: the host's /usr
  bool operator==(const RootImage&) const = default;
};

/// For making templates: the whole root can be written and its changes are kept, and the program is root inside (uid 0
/// of a user namespace, with the capabilities over files that package managers need; still no mount, no device, no
/// network). Only root may ask for one.
struct WritableRoot {
  std::vector<HostPath>
      layers;        ///< earlier changes on top of the image, lowest first: folders that were `changes/upper`
  HostPath changes;  ///< a folder with empty folders `upper` and `work`, where changes go; nobody else's meanwhile
  bool operator==(const WritableRoot&) const = default;
};

}  // namespace brig::runtime
