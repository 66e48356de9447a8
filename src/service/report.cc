#include "service/report.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "policy/schema.h"
#include "service/hints.h"

namespace brig::service {
namespace {

namespace bj = boost::json;

template <class T>
bj::value or_null(const std::optional<T>& value) {
  return value ? bj::value(*value) : bj::value();
}

bj::array strings(const std::vector<std::string>& list) {
  bj::array array;
  for (const std::string& one : list) array.emplace_back(one);
  return array;
}

bj::array results_json(const Results& results) {
  bj::array array;
  for (const RichResult& result : results.items()) {
    bj::object forms;
    for (const auto& [mime, form] : result.forms) forms[mime] = form;
    array.emplace_back(std::move(forms));
  }
  return array;
}

bj::array files_json(const OutFiles& files) {
  bj::array array;
  for (const OutFile& file : files.files) {
    bj::object entry{{"path", file.path}, {"bytes", file.size.count}};
    if (!file.skipped.empty()) entry["skipped"] = file.skipped;
    array.emplace_back(std::move(entry));
  }
  return array;
}

bj::object failure_json(const Error& error) {
  return {{"code", std::string(to_string(error.code()))}, {"message", error.message()}};
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string seconds(Milliseconds time) {
  const auto count = time.count();
  if (count < 1000) return std::to_string(count) + " ms";
  return std::to_string(count / 1000) + "." + std::to_string(count % 1000 / 100) + " s";
}

/// "ok", "error (exit code 3)", "signal 11 (Segmentation fault)", "memory_limit"
std::string ending(const runtime::Exit& exit) {
  std::string text(status_of(exit));
  if (exit.cause == runtime::Cause::kExited && exit.value != 0)
    text += " (exit code " + std::to_string(exit.value) + ")";
  if (exit.cause == runtime::Cause::kSignalled) {
    const char* name = ::sigdescr_np(exit.value);
    text += " " + std::to_string(exit.value) + (name != nullptr ? " (" + std::string(name) + ")" : "");
  }
  return text;
}

/// The policy's key of the limit that this cause is about, or empty.
std::string key_of(runtime::Cause cause) {
  switch (cause) {
    case runtime::Cause::kTimeout: return "limits.timeout";
    case runtime::Cause::kCpuLimit: return "limits.cpu_time";
    case runtime::Cause::kMemoryLimit: return "limits.memory";
    case runtime::Cause::kDiskLimit: return "limits.disk";
    case runtime::Cause::kOutputLimit: return "limits.output_total";
    case runtime::Cause::kPidsLimit: return "limits.pids";
    default: return {};
  }
}

/// "30s; raise it with --timeout 60s": the limit as it was, and a flag or a line of a policy file that doubles it.
std::string limit_and_mend(const policy::Policy& policy, const std::string& key) {
  const policy::Field* field = policy::find_field(key);
  if (field == nullptr || !field->is_scalar()) return {};
  const policy::Scalar value = field->get(policy);
  if (!value) return {};
  std::string text = policy::format_scalar(*field, value);
  if (*value >= field->most) return text + ", the most there is";
  const std::string more = policy::format_scalar(*field, *value > field->most / 2 ? field->most : *value * 2);
  if (!field->flag.empty()) return text + "; raise it with " + std::string(field->flag) + " " + more;
  return text + "; raise it with " + key + " = \"" + more + "\" in a --policy file";
}

/// "memory (64M; raise it with --memory 128M), pids (…)"
std::string limits_met(const std::vector<std::string>& names, const policy::Policy& policy) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name + " (" + limit_and_mend(policy, "limits." + name) + ")";
  }
  return text;
}

/// What programs, libraries and tools write when there is no network: resolvers' words, and the kernel's.
constexpr std::array<std::string_view, 10> kNoNetworkWords{
    "Temporary failure in name resolution",
    "Name or service not known",
    "Could not resolve host",
    "unable to resolve host address",
    "Failed to resolve",
    "NameResolutionError",
    "getaddrinfo EAI_AGAIN",
    "getaddrinfo ENOTFOUND",
    "ENETUNREACH",
    "Network is unreachable",
};

/// Whether a program that failed complained about the network at the end of its stderr.
bool has_missed_network(const RunReport& report) {
  constexpr std::size_t kLook = 8192;
  const bool has_failed = report.exit.cause == runtime::Cause::kExited && report.exit.value != 0;
  if (!has_failed && report.exit.cause != runtime::Cause::kTimeout) return false;
  std::string text = report.err.tail();
  if (text.size() < kLook && report.err.elided() == 0) text.insert(0, report.err.head());
  const std::string_view end = std::string_view(text).substr(text.size() - std::min(text.size(), kLook));
  return std::ranges::any_of(kNoNetworkWords, [&](std::string_view words) { return end.contains(words); });
}

}  // namespace

bj::object attestation_json(const runtime::Attestation& a) {
  bj::object object{
      {"runtime", a.runtime},
      {"boundary", std::string(policy::to_string(a.boundary))},
      {"kernel", a.kernel},
      {"namespaces", strings(a.namespaces)},
      {"user_mapping", a.user_mapping},
      {"capabilities", a.capabilities},
      {"no_new_privs", a.no_new_privs},
      {"seccomp",
       {{"profile_hash", a.seccomp.profile_hash},
        {"default_action", a.seccomp.default_action},
        {"allowed", a.seccomp.allowed},
        {"filters", a.seccomp.filters}}},
      {"landlock", {{"abi", a.landlock.abi}, {"rules", a.landlock.rules}}},
      {"lsm_label", a.lsm_label},
      {"cgroup",
       {{"version", a.cgroup.version},
        {"memory_bytes", or_null(a.cgroup.memory_bytes)},
        {"pids", or_null(a.cgroup.pids)},
        {"cpu_millis", or_null(a.cgroup.cpu_millis)}}},
      {"rootfs", {{"read_only", a.rootfs.is_read_only}, {"image", a.rootfs.image}, {"format", a.rootfs.format}}},
      {"network", a.network},
      {"weaknesses", strings(a.weaknesses)},
      {"choice", a.choice},
  };
  if (a.remote)
    object["remote"] = {{"host", a.remote->host}, {"runtime", a.remote->runtime}, {"boundary", a.remote->boundary}};
  return object;
}

int exit_code_of(const RunReport& report) {
  return report.trouble ? runtime::kFailedExitCode : runtime::exit_code_of(report.exit);
}

std::string to_json(const RunReport& report) {
  const runtime::Exit& exit = report.exit;
  const bool is_signal = exit.cause == runtime::Cause::kSignalled || exit.cause == runtime::Cause::kMemoryLimit ||
                         (exit.value != 0 && exit.cause != runtime::Cause::kExited);
  bj::object object{
      {"status", report.trouble ? "failed" : std::string(status_of(exit))},
      {"exit_code", exit_code_of(report)},
      {"signal", is_signal ? bj::value(exit.value) : bj::value()},
      {"duration_ms", exit.usage.wall.count()},
      {"cpu_ms", exit.usage.cpu.count()},
      {"peak_memory_bytes", exit.usage.peak_memory.count},
      {"limits_hit", strings(report.limits_hit)},
      {"note", report.note.empty() ? bj::value() : bj::value(report.note)},
      {"stdout", report.out.text()},
      {"stdout_elided", report.out.elided()},
      {"stderr", report.err.text()},
      {"stderr_elided", report.err.elided()},
      {"results", results_json(report.results)},
      {"results_dropped", report.results.dropped()},
      {"files", files_json(report.files)},
      {"files_unlisted", report.files.unlisted},
      {"figures", strings(report.figures)},
      {"error", nullptr},
      {"failure", nullptr},
      {"attestation", attestation_json(report.attestation)},
  };
  if (const auto& error = report.results.error()) {
    object["error"] = {{"name", error->name}, {"value", error->value}, {"traceback", error->traceback}};
  }
  if (report.trouble) object["failure"] = failure_json(*report.trouble);
  return json::write(object) + "\n";
}

std::string to_json(const Error& failure) {
  const bj::object object{
      {"status", "failed"}, {"exit_code", runtime::kFailedExitCode}, {"failure", failure_json(failure)}};
  return json::write(object) + "\n";
}

std::string bars(const RunReport& report, const policy::Policy& policy) {
  const runtime::Attestation& a = report.attestation;
  const runtime::Usage& usage = report.exit.usage;
  std::string text = "status     " + ending(report.exit) + " in " + seconds(usage.wall);
  if (usage.peak_memory.count >
      0) {  // else there is no group that counts, and the program was ended before its own figures came
    text += ", " + seconds(usage.cpu) + " of CPU, " + std::to_string(usage.peak_memory.count >> 20) + " MB at most";
  }
  if (!report.limits_hit.empty()) text += "; met: " + joined(report.limits_hit, ", ");
  text += "\nisolation  " + a.runtime + " wall, " + std::string(policy::to_string(a.boundary)) + " (" + a.kernel +
          "); namespaces " + (a.namespaces.empty() ? "none" : joined(a.namespaces, " ")) + "; capabilities " +
          a.capabilities + (a.no_new_privs ? ", no new privileges" : "") +
          (a.seccomp.allowed == 0
               ? "; no system-call filter"
               : "; seccomp allows " + std::to_string(a.seccomp.allowed) + " calls, else " + a.seccomp.default_action) +
          (a.landlock.abi > 0 ? "; Landlock ABI " + std::to_string(a.landlock.abi) : "");
  if (!a.choice.empty()) text += "; " + a.choice;
  text += "\ntime       " + format(policy.limits.timeout) +
          ", ended by the host, and by the kernel should the host be stuck";
  const auto limit = [](const auto& value, const auto& show) {
    return value ? show(*value) : std::string("not enforced for the whole");
  };
  // The group counts the agent too. Without one a resource limit of the sandbox's own user namespace holds the policy's
  // number.
  const std::string processes = std::to_string(a.cgroup.pids ? *a.cgroup.pids - 1 : policy.limits.pids);
  text += "\nresources  memory " + limit(a.cgroup.memory_bytes, [](std::uint64_t n) { return format(Bytes{n}); }) +
          ", processes " + processes + ", CPU " +
          limit(a.cgroup.cpu_millis, [](std::uint32_t n) { return std::to_string(n / 10) + " %"; }) + " (cgroup " +
          a.cgroup.version + "); disk " + format(policy.limits.disk) + ", output " + format(policy.limits.output);
  text += "\negress     " + a.network;
  text += "\nsecrets    root " + a.rootfs.image + (a.rootfs.is_read_only ? ", read-only" : ", writable") + "; user " +
          a.user_mapping + "; nothing of the host's environment, descriptors or processes";
  text += std::string("\ndestroy    ") +
          (report.trouble ? "see below" : "every process, mount and file of the sandbox is gone") + "\n";
  return text;
}

std::string remarks(const RunReport& report, const policy::Policy& policy, std::string_view template_name,
                    bool has_out) {
  std::string text;
  const auto say = [&text](const std::string& sentence) { text += "brig: " + sentence + "\n"; };
  const bool is_plain = report.exit.cause == runtime::Cause::kExited;  // the program has said what it had to say
  if (!is_plain || !report.note.empty()) {
    std::string sentence = "the program ended with " + ending(report.exit);
    if (const std::string limit = limit_and_mend(policy, key_of(report.exit.cause)); !limit.empty())
      sentence += " (" + limit + ")";
    if (!report.note.empty()) sentence += ": " + printable(report.note, 500);
    say(sentence);
  }
  if (!report.limits_hit.empty()) say("limits met while it ran: " + limits_met(report.limits_hit, policy));
  if (policy.network.mode == policy::NetworkMode::kNone && has_missed_network(report))
    say("this sandbox has no network (network = none)");
  if (const auto& error = report.results.error(); error) {
    if (const std::string hint = hint_for(*error, template_name); !hint.empty()) say(hint);
  }
  std::size_t figures = 0;
  for (const RichResult& result : report.results.items()) figures += result.find("image/png") != nullptr ? 1 : 0;
  if (figures > 0 && !has_out) {
    say(std::to_string(figures) + (figures == 1 ? " figure was" : " figures were") +
        " drawn and not kept: --out DIR saves " + (figures == 1 ? "it" : "them"));
  }
  if (const std::uint64_t dropped = report.results.dropped(); dropped > 0) {
    say(std::to_string(dropped) + (dropped == 1 ? " result was" : " results were") + " left out: of one run " +
        std::to_string(kResultsMax) + " are kept, of " + format(Bytes{kResultBytesMax}) + " in all and " +
        format(Bytes{kResultLineMax}) + " each");
  }
  if (has_out) {
    std::size_t skipped = 0;
    for (const OutFile& file : report.files.files) {
      if (!file.skipped.empty() && ++skipped <= 5) say("left out \"" + file.path + "\": " + file.skipped);
    }
    if (skipped > 5 || report.files.unlisted > 0) {
      say(std::to_string(skipped - std::min<std::size_t>(skipped, 5) + report.files.unlisted) +
          " further entries were left out");
    }
  }
  if (report.trouble) say(report.trouble->message());
  for (const std::string& weakness : report.attestation.weaknesses) say("weakness: " + weakness);
  return text;
}

}  // namespace brig::service
