#include "bench_engines.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"
#include "runtimes.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::cli {
namespace {

constexpr std::size_t kAnswerMost = std::size_t{1} << 20;

/// Runs it to its end; what it printed.
Result<std::string> output_of(const CommandLine& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::last_system("make a pipe");
  const Fd read(ends[0]);
  Fd write(ends[1]);
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "HOME=/tmp"};
  for (std::string& variable : engine_environment()) environment.push_back(std::move(variable));
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {write.ref(), 1}, {null.ref(), 2}};
  auto child = TRY(sys::spawn(command.front(), std::span(command).subspan(1), environment, fds));
  write.reset();
  std::string text = TRY(sys::read_all(read.ref(), kAnswerMost));
  const sys::ProcessEnd end = TRY(child.wait());
  // doctor answers with 1 where no wall of its own works, and says all the same which do.
  if (end.is_signal || end.value > 1) return Error(Code::kUnavailable, command.front() + " failed");
  return text;
}

Result<std::string> why_not(const json::Reader& wall) {
  if (TRY(TRY(wall.at("is_available")).boolean())) return std::string();
  std::string why;
  for (const json::Reader& finding : TRY(TRY(wall.at("findings")).items())) {
    if (TRY(TRY(finding.at("state")).text()) != "missing") continue;
    if (!why.empty()) continue;  // the first says why
    why = std::string(TRY(TRY(finding.at("what")).text())) + ": " + std::string(TRY(TRY(finding.at("why")).text()));
    if (const auto mend = TRY(TRY(finding.at("mend")).text()); !mend.empty()) why += " (" + std::string(mend) + ")";
  }
  return why.empty() ? std::string("it cannot be built here") : printable(why, 400);
}

}  // namespace

std::vector<std::string> engine_environment() {
  std::vector<std::string> environment;
  for (const char* name : {"DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"}) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

Result<std::map<std::string, std::string>> look_at_engines(const std::string& brig) {
  const json::Value value = TRY(json::parse(TRY(output_of({brig, "doctor", "--json"})), {.max_bytes = kAnswerMost}));
  const json::Reader doctor(value);
  std::map<std::string, std::string> engines;
  for (const json::Reader& wall : TRY(TRY(doctor.at("walls")).items())) {
    const std::string_view name = TRY(TRY(wall.at("runtime")).text());
    if (std::ranges::find(kElsewhere, name) != kElsewhere.end()) engines[std::string(name)] = TRY(why_not(wall));
  }
  return engines;
}

Result<DockerImage> DockerImage::import(const std::string& docker, const std::filesystem::path& root,
                                        const std::filesystem::path& scratch) {
  const std::string tar = (scratch / "docker.tar").string();
  (void)TRY(output_of({"/usr/bin/tar", "--create", "--file=" + tar, "--directory=" + root.string(), "."}));
  const std::string name = "brig-bench:" + std::to_string(::getpid());
  if (TRY(output_of({docker, "import", tar, name})).empty())
    return Error(Code::kUnavailable, "docker import took no image");
  return DockerImage(docker, name);
}

DockerImage::~DockerImage() {
  if (!name_.empty()) (void)output_of({docker_, "rmi", "--force", name_}).has_value();
}

}  // namespace brig::cli
