#include "runtimes/engine/place.h"

#include <unistd.h>

#include <cstdlib>

#include "base/text.h"

namespace brig::runtimes::engine {
namespace {

std::vector<std::string> usual_paths(Kind kind, const std::string& own) {
  const bool is_docker = kind == Kind::kDocker;
  std::vector<std::string> paths;
  if (is_docker) paths = {"/var/run/docker.sock"};
  else paths = {"/run/podman/podman.sock"};
  if (!own.empty()) paths.push_back(own + (is_docker ? "/docker.sock" : "/podman/podman.sock"));
  return paths;
}

std::string_view variable_of(Kind kind) { return kind == Kind::kDocker ? "DOCKER_HOST" : "CONTAINER_HOST"; }

}  // namespace

std::string_view name_of(Kind kind) { return kind == Kind::kDocker ? "docker" : "podman"; }

std::string_view mend_for(Kind kind) {
  return kind == Kind::kDocker ? "apt-get install docker.io; systemctl start docker"
                               : "apt-get install podman; systemctl start podman.socket";
}

Result<Place> find_place(Kind kind, const Surroundings& surroundings) {
  const std::string variable(variable_of(kind));
  const std::string said = surroundings.variable(variable);
  constexpr std::string_view kUnix = "unix://";
  if (!said.empty()) {
    if (said.starts_with(kUnix) && said.size() > kUnix.size() && said[kUnix.size()] == '/')
      return Place{.kind = kind, .socket = said.substr(kUnix.size())};
    return Error(Code::kUnsupported, variable + " is " + printable(said, 100) +
                                         ": only an engine of this machine is used, at unix:///PATH");
  }
  std::string looked;
  for (const std::string& path : usual_paths(kind, surroundings.variable("XDG_RUNTIME_DIR"))) {
    if (surroundings.is_there(path)) return Place{.kind = kind, .socket = path};
    looked += (looked.empty() ? "" : ", ") + path;
  }
  return Error(Code::kUnavailable, "no engine listens at " + looked + ", and " + variable + " names no other");
}

Result<Place> find_place(Kind kind) {
  return find_place(kind, {.variable =
                               [](std::string_view name) {
                                 const char* const text = std::getenv(
                                     std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): one thread
                                 return std::string(text == nullptr ? "" : text);
                               },
                           .is_there = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }});
}

}  // namespace brig::runtimes::engine
