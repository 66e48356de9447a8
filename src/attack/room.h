#pragma once
/// Room: where a probe runs: a sandbox of a runtime, or a control's room without a wall.
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "attack/judge.h"
#include "attack/probe.h"
#include "attack/scene.h"
#include "runtime/runtime.h"
#include "service/languages.h"

namespace brig::attack {

/// What a sandbox of the suite may use: so little that the resource bombs reach it at once.
policy::Limits suite_limits();

/// The same, as arguments of a probe.
std::vector<std::string> probe_limits(const Probe& probe);

/// The program and arguments of one phase of a probe in a sandbox.
std::vector<std::string> probe_words(const Probe& probe, const Scene& scene, int phase, const std::string& marker);
/// What its sandbox may use and see: brig-probe (`program`) and the scene's `input`.
Result<policy::Policy> probe_policy(const Probe& probe, const std::string& program, const std::string& input);

class Room {
 public:
  virtual ~Room() = default;
  /// Runs every phase of the probe, each in a fresh room of the kind. What cannot be run is Observation::trouble.
  virtual asio::awaitable<Observation> run(const Probe& probe, Scene& scene, std::string marker) = 0;
};

/// Sandboxes of `runtime`, which outlives the room. `program` is brig-probe.
std::unique_ptr<Room> make_sandbox_room(runtime::Runtime& runtime, std::string program);

/// The same, where the probe is started by a cell of an interpreter of `language` (a context), which outlives the room.
/// What ended the probe is judged as of any program.
std::unique_ptr<Room> make_context_room(runtime::Runtime& runtime, std::string program,
                                        const service::Language& language);

/// Controls: the probe on this host, in namespaces that keep the host safe (stage.h). `token` is what its canaries
/// hold.
std::unique_ptr<Room> make_open_room(std::string program, std::string token);

}  // namespace brig::attack
