#pragma once
/// Runtime and Cell: what every wall implements. Commands, terminals, files and code contexts are not here: they go
/// over the cell's byte stream as the guest protocol (guest/session.h) and are the same on all walls.
///
/// Life: probe() and admit() answer before anything exists; create() gives a Cell; destroying the Cell object is the
/// certain end (synchronous kill), destroy() the polite one that also reports. One thread, the caller's io_context.
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "base/result.h"
#include "policy/policy.h"
#include "runtime/attestation.h"
#include "runtime/cell_report.h"

namespace brig::runtime {

/// One line of `brig doctor`.
struct Finding {
  enum class State : std::uint8_t { kGood, kWeak, kMissing };
  State state = State::kGood;
  std::string what;  ///< "user namespaces"
  std::string why;   ///< what it means here
  std::string mend;  ///< the command that mends it; empty if good
};

struct Probe {
  bool is_available = false;  ///< create() can work on this host
  policy::Boundary boundary = policy::Boundary::kSharedKernel;
  std::vector<Finding> findings;
};

/// What a wall can do beyond create and destroy. What is false answers kUnsupported, known in advance.
struct Capabilities {
  bool may_pause = false;
};

struct CellSpec {
  std::string id;  ///< 1–64 of [a-z0-9-]; names the cgroup and shows in errors
  policy::Policy policy;
  Milliseconds lifetime{0};  ///< the kernel ends the cell after this, whatever else is stopped
};

class Cell {
 public:
  virtual ~Cell() = default;

  /// The stream to the agent inside: a connected, non-blocking stream socket. May be taken once.
  virtual Fd take_channel() = 0;
  [[nodiscard]] virtual const Attestation& attestation() const = 0;
  /// Current figures. kUnavailable once the cell is gone.
  virtual Task<CellReport> stats() = 0;
  virtual Task<> pause() = 0;
  virtual Task<> resume() = 0;
  /// Ends every process, removes every trace, and says what was used. Idempotent.
  virtual Task<CellReport> destroy() = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  /// Host folders in which destroying a cell writes when the wall's own helpers were killed: for a caller that confines
  /// itself.
  [[nodiscard]] virtual std::vector<std::string> cleanup_folders() const { return {}; }
  /// Thorough: really tries what create() needs. Takes milliseconds; for doctor and `auto`.
  virtual Probe probe() = 0;
  /// Whether *all* of the policy can be enforced here. Cheap, and before anything exists. The weaknesses it returns are
  /// what the attestation will name; with OnWeakness::kRefuse a non-empty list is an error (kUnsupported) that names
  /// them.
  virtual Result<std::vector<std::string>> admit(const policy::Policy& policy) = 0;
  virtual Task<std::unique_ptr<Cell>> create(CellSpec spec) = 0;
};

}  // namespace brig::runtime
