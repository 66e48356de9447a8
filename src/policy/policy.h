#pragma once
/// Policy: everything one sandbox may use and see, as a value.
///
/// Pure data: built from a preset, a TOML file and command-line flags (parse.h), checked by validate() (validate.h),
/// enforced by a runtime. The defaults below are the safe defaults of the whole product and stand nowhere else;
/// docs/policy.md is generated from the same table (schema.h).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/units.h"

namespace brig::policy {

/// Bar 2 and 3: time and resources. Exceeding one affects that sandbox alone.
struct Limits {
  Milliseconds timeout{30'000};          ///< wall clock of one command; enforced even if every Brig process is stopped
  std::optional<Milliseconds> cpu_time;  ///< CPU time of one process; none = bounded by timeout x cpus only
  Bytes memory = mebibytes(256);         ///< all processes and the scratch together; never swapped
  std::uint32_t cpu_millis = 1000;       ///< 1000 = one processor
  std::uint32_t pids = 64;               ///< processes and threads at once
  std::uint32_t open_files = 1024;       ///< per process
  Bytes disk = mebibytes(100);           ///< /tmp, /workspace, /home/user and /dev/shm together
  std::uint32_t inodes = 10'000;         ///< files and folders in them together
  Bytes output = mebibytes(1);           ///< kept of stdout and of stderr, each: first and last half
  Bytes output_total = gibibytes(1);     ///< written to stdout and stderr together before the program is ended
  std::uint32_t out_files = 1000;        ///< files collected from the working folder
  bool operator==(const Limits&) const = default;
};

enum class Access : std::uint8_t { kReadOnly, kReadWrite };

/// A file or folder of the host, visible inside. Read-only unless the policy file says otherwise.
struct Mount {
  HostPath from;
  GuestPath to;
  Access access = Access::kReadOnly;
  bool operator==(const Mount&) const = default;
};

/// Bar 4. `rules` has room for the allowlist; with kNone it is empty.
enum class NetworkMode : std::uint8_t { kNone };
struct NetworkRule {
  std::string host;
  std::uint16_t port = 443;
  bool operator==(const NetworkRule&) const = default;
};
struct Network {
  NetworkMode mode = NetworkMode::kNone;
  std::vector<NetworkRule> rules;
  bool operator==(const Network&) const = default;
};

struct Variable {
  std::string name;
  std::string value;
  bool operator==(const Variable&) const = default;
};

/// Python packages that the operator has wheels of. Asked for by name; what they need comes along.
struct Libraries {
  std::vector<std::string> allow{"*"};  ///< what may be asked for, normalised (normalised_library); "*" is everything
  std::vector<std::string> use;         ///< what the sandbox has
  bool operator==(const Libraries&) const = default;
};

/// Where libraries in use lie inside; their modules come before the template's.
inline constexpr std::string_view kLibrariesFolder = "/brig/lib";

/// How strong the wall is, weakest first. `Policy::require` is a floor.
enum class Boundary : std::uint8_t { kSharedKernel, kUserSpaceKernel, kHardware };

/// What happens when this host cannot enforce a clause: the run goes on and the attestation's `weaknesses` names it, or
/// the sandbox is refused. Nothing is ever weaker in silence.
enum class OnWeakness : std::uint8_t { kReport, kRefuse };

/// How a wall is chosen if none is named.
inline constexpr std::string_view kFastest = "fastest";  ///< the fastest that is good enough
inline constexpr std::string_view kStrongest = "auto";   ///< the strongest that works on this host

struct Policy {
  Limits limits;
  std::vector<Mount> mounts;
  std::vector<Variable> environment;  ///< added to the sandbox's own small environment; nothing of the host's is passed
  Libraries libraries;
  Network network;
  Boundary require = Boundary::kSharedKernel;
  OnWeakness on_weakness = OnWeakness::kReport;
  std::string runtime{kFastest};  ///< a wall's name, kFastest or kStrongest; which names there are the program knows
  bool operator==(const Policy&) const = default;
};

/// The words of the policy file: "read-only", "none", "shared-kernel", "report".
std::string_view to_string(Access access);
std::string_view to_string(NetworkMode mode);
std::string_view to_string(Boundary boundary);
std::string_view to_string(OnWeakness on_weakness);

}  // namespace brig::policy
