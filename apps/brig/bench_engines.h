#pragma once
/// Container engines in `brig bench`: `brig` itself speaks to none (it has no HTTP), so what is here of them is asked
/// of `brig doctor`, and what they are measured with are programs.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bench_case.h"

namespace brig::cli {

/// Of the walls docker and podman: why it cannot be used here; empty if it can.
Result<std::map<std::string, std::string>> look_at_engines(const std::string& brig);

/// What programs need that are to find the engine that we would: DOCKER_HOST and the like, as far as they are set.
std::vector<std::string> engine_environment();

/// An image of an engine's, gone with this object.
class DockerImage {
 public:
  /// Of the folder `root`. `docker` is the program; a file is written into `scratch`.
  static Result<DockerImage> import(const std::string& docker, const std::filesystem::path& root,
                                    const std::filesystem::path& scratch);
  DockerImage(DockerImage&& other) noexcept
      : docker_(std::exchange(other.docker_, {})), name_(std::exchange(other.name_, {})) {}
  DockerImage& operator=(DockerImage&&) = delete;
  DockerImage(const DockerImage&) = delete;
  DockerImage& operator=(const DockerImage&) = delete;
  ~DockerImage();
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  DockerImage(std::string docker, std::string name) : docker_(std::move(docker)), name_(std::move(name)) {}
  std::string docker_;
  std::string name_;
};

}  // namespace brig::cli
