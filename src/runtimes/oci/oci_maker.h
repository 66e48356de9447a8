#pragma once
/// The makers of walls whose namespaces an OCI runtime makes.
#include <memory>

#include "runtimes/process/maker.h"

namespace brig::runtimes::oci {

/// Of any wall that this build knows, the process wall's included: for whoever runs a launcher.
std::unique_ptr<process::Maker> maker_of(process::Wall wall);

/// What gVisor's own programs may use of memory, on top of the guest's: 13 MiB when the guest begins, and some for each
/// page and process it has.
inline constexpr Bytes kSentryMemory = mebibytes(48);

}  // namespace brig::runtimes::oci
