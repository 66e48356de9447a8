#pragma once
/// Runtime and Cell: what every wall implements. Commands, terminals, files and code contexts are not here: they go
/// over the cell's byte stream as the guest protocol (guest/session.h) and are the same on all walls.
///
/// Life: probe() and admit() answer before anything exists; create() gives a Cell; destroying the Cell object is the
/// certain end (synchronous kill), destroy() the polite one that also reports. One thread, the caller's io_context.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "base/result.h"
#include "policy/policy.h"
#include "runtime/attestation.h"
#include "runtime/cell_report.h"
#include "runtime/root_image.h"

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
  std::string breaks = {};  ///< which ordinary programs fail behind it, and why; empty if none are known to
};

/// What a wall can do beyond create and destroy. What is false answers kUnsupported, known in advance.
struct Capabilities {
  bool may_pause = false;
  bool may_mount = true;        ///< else admit() refuses a policy that shows files of this host
  bool may_use_images = false;  ///< templates other than the host's /usr
};

struct CellSpec {
  std::string id;  ///< 1–64 of [a-z0-9-]; names the cgroup and shows in errors
  policy::Policy policy;
  Milliseconds lifetime{0};  ///< the kernel ends the cell after this, whatever else is stopped; 0 = no end
  std::optional<WritableRoot> writable = {};  ///< kUnsupported like an image
  RootImage root = {};  ///< kUnsupported if it is an image and the wall cannot use one: see capabilities()
};

class Cell {
 public:
  virtual ~Cell() = default;

  /// The stream to the agent inside: a connected, non-blocking stream socket. May be taken once.
  virtual Fd take_channel() = 0;
  [[nodiscard]] virtual const Attestation& attestation() const = 0;
  // The tasks below may be awaited by several at once; each question is answered before the next. Once destroy() was
  // called, or the cell has ended by itself, the others end with kUnavailable. They may outlive the Cell object.

  /// Current figures. kUnavailable once the cell is gone.
  virtual Task<CellReport> stats() = 0;
  /// The cell ends so long from now, instead of when it would have; 0 = no end. When this returns the kernel has it.
  /// kUnavailable if the cell is gone: whoever has extended a life in time has extended it, and nobody else.
  virtual Task<> set_lifetime(Milliseconds from_now) = 0;
  /// Stops every process inside, the agent as well; returns when all have stopped. What is stopped keeps its memory,
  /// still expires, and can be destroyed. kDeadline if something inside cannot be stopped: then nothing is. Pausing
  /// again, and resuming what runs, is no error. kUnsupported: see capabilities().
  virtual Task<> pause() = 0;
  virtual Task<> resume() = 0;
  /// Ends every process, removes every trace, and says what was used. Idempotent, and takes precedence: what waits to
  /// ask does not. kUnavailable if the cell had ended already because somebody killed what watched it: nothing is left
  /// then either, but nobody knows what it used.
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
  /// Whether create() can be tried at this moment: cheap. kUnavailable if what it needs is gone and cannot be had
  /// again.
  virtual Result<> ready() { return {}; }
  /// May begin when it is called and not only when it is awaited: a caller can do something meanwhile.
  virtual Task<std::unique_ptr<Cell>> create(CellSpec spec) = 0;
};

}  // namespace brig::runtime
