#include <string>
#include <utility>

#include "attack/room.h"
#include "service/run.h"

namespace brig::attack {
namespace {

constexpr const char* kProgram = "/workspace/brig-probe";
constexpr const char* kInput = "/workspace/input.txt";

class Deaf final : public service::RunObserver {
 public:
  void on_head(guest::Stream, std::span<const std::byte>) override {}
};

class SandboxRoom final : public Room {
 public:
  SandboxRoom(runtime::Runtime& runtime, std::string program) : runtime_(runtime), program_(std::move(program)) {}

  asio::awaitable<Observation> run(const Probe& probe, Scene& scene, std::string marker) override {
    Observation observation;
    for (int phase = 1; phase <= probe.phases && observation.trouble.empty(); ++phase) {
      auto spec = spec_of(probe, scene, phase, phase == 1 ? marker : "");
      if (!spec.has_value()) {
        observation.trouble = spec.error().message();
        break;
      }
      Deaf observer;
      auto report = co_await service::run_task(runtime_, *std::move(spec), observer);
      if (!report.has_value()) {
        observation.trouble = report.error().message();
        break;
      }
      observation.exit = report->exit;
      observation.has_own_kernel = report->attestation.boundary != policy::Boundary::kSharedKernel;
      observation.weaknesses = report->attestation.weaknesses;
      observation.output = report->out.text() + report->err.text();
      if (report->trouble.has_value()) observation.trouble = report->trouble->message();
    }
    observation.damage = scene.take_damage();
    co_return observation;
  }

 private:
  Result<service::TaskSpec> spec_of(const Probe& probe, const Scene& scene, int phase, const std::string& marker) {
    return service::TaskSpec{.id = "attack-" + random_hex(6),
                             .policy = TRY(probe_policy(probe, program_, scene.input())),
                             .program = service::Command{probe_words(probe, scene, phase, marker)}};
  }

  runtime::Runtime& runtime_;
  std::string program_;
};

}  // namespace

policy::Limits suite_limits() {
  policy::Limits limits;
  limits.memory = mebibytes(64);
  limits.pids = 32;
  limits.open_files = 256;
  limits.disk = mebibytes(16);
  limits.inodes = 500;
  limits.output = kibibytes(64);
  limits.output_total = mebibytes(8);
  return limits;
}

std::vector<std::string> probe_limits(const Probe& probe) {
  const policy::Limits limits = suite_limits();
  return {"memory=" + std::to_string(limits.memory.count),
          "pids=" + std::to_string(limits.pids),
          "files=" + std::to_string(limits.open_files),
          "disk=" + std::to_string(limits.disk.count),
          "inodes=" + std::to_string(limits.inodes),
          "output=" + std::to_string(limits.output_total.count),
          "timeout_ms=" + std::to_string(probe.timeout.count())};
}

std::vector<std::string> probe_words(const Probe& probe, const Scene& scene, int phase, const std::string& marker) {
  std::vector<std::string> argv{kProgram, std::string(probe.name), "phase=" + std::to_string(phase), "supervisor=1"};
  if (!marker.empty()) argv.push_back("marker=" + marker);
  for (const std::string& word : probe_limits(probe)) argv.push_back(word);
  for (const std::string& word : scene.arguments(kInput)) argv.push_back(word);
  return argv;
}

Result<policy::Policy> probe_policy(const Probe& probe, const std::string& program, const std::string& input) {
  policy::Policy policy;
  policy.limits = suite_limits();
  policy.limits.timeout = probe.timeout;
  policy.mounts = {{TRY(HostPath::parse(program)), TRY(GuestPath::parse(kProgram))},
                   {TRY(HostPath::parse(input)), TRY(GuestPath::parse(kInput))}};
  return policy;
}

std::unique_ptr<Room> make_sandbox_room(runtime::Runtime& runtime, std::string program) {
  return std::make_unique<SandboxRoom>(runtime, std::move(program));
}

}  // namespace brig::attack
