#pragma once
/// read_dockerfile(): a Dockerfile to a BuildPlan. Pure.
///
/// Understood: FROM (scratch, templates, earlier stages), RUN, COPY, ADD of local files, ENV, ARG, WORKDIR, CMD,
/// ENTRYPOINT, SHELL, LABEL brig.preload and heredocs. Other labels, EXPOSE, STOPSIGNAL, HEALTHCHECK, VOLUME, USER and
/// MAINTAINER change nothing that a sandbox has; USER and VOLUME are told as notes. What cannot be done (a URL, a
/// secret mount, ONBUILD) is an error and not left out in silence.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/plan.h"

namespace brig::image {

struct DockerfileInput {
  std::string_view text;
  std::map<std::string, Defaults, std::less<>> templates;          ///< what FROM may name
  std::map<std::string, std::string, std::less<>> arguments = {};  ///< --build-arg
  std::string target = {};                                         ///< the stage that is wanted; empty: the last
};

/// kInvalidArgument or kUnsupported "line LINE: what and what to do".
Result<BuildPlan> read_dockerfile(const DockerfileInput& input);

/// The template that an image reference means: "python:3.11-slim" is "python-3.11-slim", "docker.io/library/debian" is
/// "debian". Empty if none can be.
std::string template_of_reference(std::string_view reference);

}  // namespace brig::image
