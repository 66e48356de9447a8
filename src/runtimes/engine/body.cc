#include "runtimes/engine/body.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtimes/engine/answers.h"
#include "runtimes/process/compile.h"

namespace brig::runtimes::engine {
namespace {

using boost::json::array;
using boost::json::object;

/// As mounts and not as binds: for those an engine makes what it does not find, on the host's disk.
array mounts_of(const BodyInput& input) {
  array mounts;
  const auto bind = [&](const std::string& from, std::string_view to, bool is_read_only) {
    mounts.push_back(object{{"Type", "bind"},
                            {"Source", from},
                            {"Target", to},
                            {"ReadOnly", is_read_only},
                            {"BindOptions", object{{"Propagation", "rprivate"}}}});
  };
  for (const std::string& path : input.tree.shown) bind(path, path, true);
  bind(input.init, kInitInside, true);
  if (input.scratch.empty()) return mounts;
  for (const Tree::Scratch& part : input.tree.scratch) bind(input.scratch + "/" + part.from, "/" + part.path, false);
  // Podman would put an empty file system there, without a limit, where nothing is mounted.
  bind(input.scratch + "/tmp", "/var/tmp", false);
  bind(input.scratch + "/stat", "/proc/stat", true);
  return mounts;
}

/// One for each place, each as large as all of them may be together: who cannot mount cannot share one.
object separate_scratch(const BodyInput& input) {
  object list;
  if (!input.scratch.empty()) return list;
  // Podman knows no uid and no number of inodes here.
  const std::string options = "rw,exec,nosuid,nodev,mode=1777,size=" + std::to_string(input.tree.bytes);
  for (const Tree::Scratch& part : input.tree.scratch) list["/" + part.path] = options;
  return list;
}

/// Of the user that all sandboxes of engines share, so not for one: low enough that an engine without all of root's
/// rights may set it. The group counts this sandbox's processes.
constexpr std::uint64_t kProcesses = 32'768;

array limits_of(const BodyInput& input) {
  array limits;
  const auto limit = [&](const char* name, std::uint64_t value) {
    limits.push_back(object{{"Name", name}, {"Soft", value}, {"Hard", value}});
  };
  limit("core", input.core_limit);
  limit("nproc", kProcesses);
  limit("nofile", input.request.open_files);
  limit("memlock", kibibytes(64).count);
  limit("msgqueue", 0);
  limit("sigpending", 1024);
  limit("rtprio", 0);
  limit("nice", 0);
  return limits;
}

array texts(const std::vector<std::string>& list) {
  array made;
  for (const std::string& text : list) made.push_back(boost::json::value(text));
  return made;
}

array security_of(const BodyInput& input) {
  array options{"no-new-privileges", "seccomp=unconfined"};
  if (!input.is_podman) return options;
  std::string mask;
  for (const std::string& path : masked_paths(input)) mask += (mask.empty() ? "mask=" : ":") + path;
  options.push_back(boost::json::value(mask));
  return options;
}

object host_config(const BodyInput& input) {
  const process::LaunchRequest& request = input.request;
  return {{"AutoRemove", true},
          {"Mounts", mounts_of(input)},
          {"Tmpfs", separate_scratch(input)},
          {"NetworkMode", "none"},
          {"IpcMode", "none"},
          {"PidMode", ""},
          {"UTSMode", ""},
          {"CgroupnsMode", "private"},
          {"CapDrop", array{"ALL"}},
          {"SecurityOpt", security_of(input)},
          {"Privileged", false},
          {"ReadonlyRootfs", true},
          {"MaskedPaths", texts(masked_paths(input))},
          {"ReadonlyPaths", array{"/proc/sys"}},
          {"Memory", request.memory.count},
          {"MemorySwap", request.memory.count},
          {"PidsLimit", request.pids},
          {"NanoCpus", std::uint64_t{request.cpu_millis} * 1'000'000},
          {"Ulimits", limits_of(input)},
          {"LogConfig", object{{"Type", "none"}}},
          {"RestartPolicy", object{{"Name", "no"}}},
          {"Init", false}};
}

}  // namespace

std::vector<std::string> masked_paths(const BodyInput& input) {
  std::vector<std::string> paths{"/sys"};
  for (const std::string& name : input.covered) paths.push_back("/proc/" + name);
  paths.emplace_back("/proc/sys/kernel/random/boot_id");
  if (input.scratch.empty()) paths.emplace_back("/proc/stat");
  return paths;
}

std::string create_body(const BodyInput& input) {
  return json::write(object{{"Image", input.image},
                            {"Entrypoint", array{boost::json::value(kInitInside), "stdio"}},
                            {"Cmd", array()},
                            {"Env", array()},
                            {"User", std::to_string(process::kInsideUid) + ":" + std::to_string(process::kInsideGid)},
                            {"WorkingDir", "/"},
                            {"Hostname", "brig"},
                            {"NetworkDisabled", true},
                            {"Tty", false},
                            {"OpenStdin", true},
                            {"StdinOnce", true},  // whoever holds the stream is gone: brig-init reads the end of it
                            {"AttachStdin", true},
                            {"AttachStdout", true},
                            {"AttachStderr", true},
                            {"Labels", object{{kKeeperLabel, input.keeper}}},
                            {"HostConfig", host_config(input)}});
}

}  // namespace brig::runtimes::engine
