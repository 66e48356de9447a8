#pragma once
/// Templates of this machine, for the daemon.
#include "image/catalog.h"
#include "sandboxes/sandboxes.h"

namespace brig::daemon {

/// `options`, with the roots that `catalog` has beside the host's own. The catalog outlives them.
sandboxes::Options with_templates(sandboxes::Options options, const image::Catalog& catalog);

}  // namespace brig::daemon
