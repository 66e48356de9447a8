#include "policy/policy.h"

namespace brig::policy {

std::string_view to_string(Access access) {
  switch (access) {
    case Access::kReadOnly: return "read-only";
    case Access::kReadWrite: return "read-write";
  }
  return "read-only";
}

std::string_view to_string(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNone: return "none";
  }
  return "none";
}

std::string_view to_string(Boundary boundary) {
  switch (boundary) {
    case Boundary::kSharedKernel: return "shared-kernel";
    case Boundary::kUserSpaceKernel: return "user-space-kernel";
    case Boundary::kHardware: return "hardware";
  }
  return "shared-kernel";
}

std::string_view to_string(OnWeakness on_weakness) {
  switch (on_weakness) {
    case OnWeakness::kReport: return "report";
    case OnWeakness::kRefuse: return "refuse";
  }
  return "refuse";
}

}  // namespace brig::policy
