#pragma once
/// The folder that a Dockerfile is built from, as root looks at it: whoever made it is not trusted to have put no links
/// there.
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "image/make/pack.h"

namespace brig::image {

/// The Dockerfile's text. In the context it may be a link that stays there, and elsewhere it is none: kInvalidArgument.
Result<std::string> read_dockerfile_text(const HostPath& file, const HostPath& context);

/// What a step that copies `sources` is shown of the context: whatever lies below the first part of each, but for
/// `ignored`. The worker that read the Dockerfile names both, and may have been taken over by it: so what goes into the
/// cache's key, and what the worker that copies can see, is this and not what was claimed of it.
PackChoice choose_members(const HostPath& context, const std::vector<std::string>& sources,
                          std::vector<std::string> ignored);

}  // namespace brig::image
