#include "attack/probe.h"

#include <cstdlib>

namespace brig::attack {

std::string_view title_of(Group group) {
  switch (group) {
    case Group::kFiles: return "files and secrets";
    case Group::kLeaks: return "environment and /proc";
    case Group::kNetwork: return "network and metadata";
    case Group::kProcess: return "processes and namespaces";
    case Group::kKernel: return "kernel interfaces";
    case Group::kDevices: return "device nodes";
    case Group::kResources: return "resource bombs";
    case Group::kEscapes: return "published escapes";
    case Group::kPersistence: return "from one sandbox to the next";
    case Group::kTiming: return "timing sources";
  }
  return "?";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHeld: return "held";
    case Outcome::kBreached: return "breached";
    case Outcome::kNotApplicable: return "not applicable";
  }
  return "?";
}

std::string Args::text(std::string_view name) const {
  for (const std::string& word : words_) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
  }
  return {};
}

long Args::number(std::string_view name, long fallback) const {
  const std::string value = text(name);
  return value.empty() ? fallback : std::strtol(value.c_str(), nullptr, 10);
}

const Probe* find_probe(std::string_view name) {
  for (const Probe* probe : all_probes()) {
    if (probe->name == name) return probe;
  }
  return nullptr;
}

}  // namespace brig::attack
