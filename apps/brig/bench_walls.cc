#include "bench_walls.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtimes.h"
#include "runtimes/process/covered_proc.h"
#include "sys/file.h"

namespace brig::cli {
namespace {

namespace bj = boost::json;
using std::filesystem::path;

const CommandLine kNothing{"/usr/bin/true"};

bj::object mount(std::string_view place, std::string_view type, std::string_view from, bj::array options) {
  return {{"destination", place}, {"type", type}, {"source", from}, {"options", std::move(options)}};
}

bj::array mounts(bool is_gvisor) {
  bj::array all{mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
                mount("/usr", "bind", "/usr", {"rbind", "ro", "nosuid", "nodev"})};
  if (!is_gvisor) {  // gVisor makes its own
    all.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "mode=755", "size=64k"}));
    all.push_back(mount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance"}));
  }
  for (const std::string_view place : {"/tmp", "/workspace", "/home/user", "/dev/shm"})
    all.push_back(mount(place, "tmpfs", "tmpfs", {"nosuid", "nodev", "size=64m"}));
  return all;
}

/// For the bare runtime: the configuration that Brig's own wall uses, with a root of the same shape in a plain folder.
Result<bj::object> configuration(bool is_gvisor) {
  bj::array masked;
  for (const std::string& name : TRY(runtimes::process::covered_proc())) masked.emplace_back("/proc/" + name);
  const bj::array ids{{{"containerID", 0}, {"hostID", 0x68000001}, {"size", 1}},
                      {{"containerID", 1000}, {"hostID", 0x70000001}, {"size", 1}}};
  bj::object capabilities;
  for (const std::string_view set : {"bounding", "effective", "inheritable", "permitted", "ambient"})
    capabilities[set] = bj::array();
  bj::array namespaces;
  for (const std::string_view type : {"pid", "network", "ipc", "uts", "mount", "user"})
    namespaces.push_back({{"type", type}});
  if (!is_gvisor) namespaces.push_back({{"type", "cgroup"}});
  return bj::object{{"ociVersion", "1.0.2"},
                    {"hostname", "brig"},
                    {"root", {{"path", "rootfs"}, {"readonly", !is_gvisor}}},
                    {"process",
                     {{"terminal", false},
                      {"user", {{"uid", 1000}, {"gid", 1000}}},
                      {"args", {kNothing.front()}},
                      {"env", bj::array()},
                      {"cwd", "/"},
                      {"noNewPrivileges", true},
                      {"capabilities", std::move(capabilities)}}},
                    {"mounts", mounts(is_gvisor)},
                    {"linux",
                     {{"uidMappings", ids},
                      {"gidMappings", ids},
                      {"maskedPaths", std::move(masked)},
                      {"readonlyPaths", {"/proc/sys"}},
                      {"resources",
                       {{"memory", {{"limit", 256 << 20}}},
                        {"pids", {{"limit", 66}}},
                        {"cpu", {{"quota", 100'000}, {"period", 100'000}}}}},
                      {"namespaces", std::move(namespaces)}}}};
}

/// A root without programs: those of the host's /usr are mounted.
Result<> make_root(const path& root) {
  std::error_code failed;
  for (const char* place : {"usr", "proc", "dev", "etc", "tmp", "workspace", "home/user", "run", "sys"})
    std::filesystem::create_directories(root / place, failed);
  for (const char* name : {"bin", "lib", "lib64", "sbin"})
    std::filesystem::create_symlink(path("usr") / name, root / name, failed);
  if (failed) return Error(Code::kInternal, "make " + root.string() + ": " + failed.message());
  return {};
}

/// A bundle in `folder`.
Result<> make_bundle(const path& folder, bool is_gvisor) {
  TRY(make_root(folder / "rootfs"));
  const Fd file = TRY(sys::open((folder / "config.json").string(), O_WRONLY | O_CREAT | O_EXCL, 0644));
  return sys::write_all(file.ref(), json::write(TRY(configuration(is_gvisor))));
}

std::string installed(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return {};
}

/// Of its storage it needs nothing but a folder, and "vfs" leaves no mount behind; the limits that it would ask for may
/// be more than there are.
void add_podman(std::vector<Contender>& peers, const path& scratch, const std::string& runtime, const path& root) {
  const std::string podman = installed("podman");
  if (podman.empty()) return;
  peers.push_back(
      {"podman run",
       {podman, "--root=" + (scratch / "podman").string(), "--runroot=" + (scratch / "podman.run").string(),
        "--storage-driver=vfs", "--runtime=" + runtime, "--cgroup-manager=cgroupfs", "run", "--rm", "--network=none",
        "--cap-drop=all", "--read-only", "--memory=256m", "--pids-limit=66", "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=1024:1024", "--volume=/usr:/usr:ro", "--rootfs", root.string(), kNothing.front()}});
}

/// The bare tools that make such a wall, as far as they are installed.
Result<std::vector<Contender>> peers_of(const std::string& wall, const path& scratch) {
  std::vector<Contender> peers;
  if (CommandLine wrapped = bwrap(kNothing); wall == "process" && !wrapped.empty())
    peers.push_back({.name = "bwrap", .command = std::move(wrapped)});
  if (wall != "container" && wall != "gvisor") return peers;
  const bool is_gvisor = wall == "gvisor";
  const std::string runtime = installed(is_gvisor ? "runsc" : "runc");
  if (runtime.empty()) return peers;
  const path bundle = scratch / wall;
  TRY(make_bundle(bundle, is_gvisor));
  CommandLine command{runtime, "--root", (scratch / (wall + ".state")).string()};
  if (is_gvisor) command.emplace_back("--network=none");
  const std::string id = "brig-bench-" + std::to_string(::getpid()) + "-{n}";
  peers.push_back({.name = is_gvisor ? "runsc run" : "runc run",
                   .command = join(std::move(command), {"run", "--bundle", bundle.string(), id}),
                   .changes_streams = is_gvisor});
  if (!is_gvisor) add_podman(peers, scratch, runtime, bundle / "rootfs");
  return peers;
}

/// One wall that works here.
Case case_of(const std::string& brig, const std::string& wall, std::size_t rounds) {
  return {.name = wall,
          .contenders = {{.name = "brig", .command = {brig, "run", "--quiet", "--runtime", wall, "--", "true"}},
                         {.name = "bare", .command = kNothing}},
          .rounds = rounds};
}

/// Docker has no container without an image.
Result<> add_docker(WallCases& all, Case& c, const path& scratch) {
  const std::string docker = installed("docker");
  if (docker.empty()) return {};
  const path root = scratch / "docker.root";
  TRY(make_root(root));
  all.images.push_back(TRY(DockerImage::import(docker, root, scratch)));
  c.contenders.push_back({"docker run",
                          {docker, "run", "--rm", "--network=none", "--cap-drop=all",
                           "--security-opt=no-new-privileges", "--read-only", "--user=1000:1000", "--memory=256m",
                           "--pids-limit=66", "--volume=/usr:/usr:ro", all.images.back().name(), kNothing.front()}});
  return {};
}

Result<> add_engine(WallCases& all, const std::string& brig, const std::string& wall, std::size_t rounds,
                    const path& scratch) {
  Case c = case_of(brig, wall, rounds);
  if (wall == "docker") {
    TRY(add_docker(all, c, scratch));
  } else if (const path root = scratch / "podman.root"; wall == "podman") {
    TRY(make_root(root));
    add_podman(c.contenders, scratch, installed("runc"), root);
  }
  // Podman's own program has its storage here, and would ask the service instead.
  for (Contender& one : c.contenders) {
    if (one.name != "podman run") one.environment = engine_environment();
  }
  all.cases.push_back(std::move(c));
  return {};
}

Result<> add_engines(WallCases& all, const std::string& brig, const std::string& wanted, std::size_t rounds,
                     const path& scratch) {
  for (const auto& [wall, why] : TRY(look_at_engines(brig))) {
    if (wanted != "all" && wanted != wall) continue;
    if (why.empty()) TRY(add_engine(all, brig, wall, rounds, scratch));
    else all.skipped.push_back({wall, why});
  }
  return {};
}

}  // namespace

Result<WallCases> wall_cases(const std::string& brig, const std::string& wanted, std::size_t rounds,
                             const path& scratch) {
  runtime::Walls walls = make_walls(Use::kOften);
  const bool is_engine = wanted == "docker" || wanted == "podman";
  if (wanted != "all" && !is_engine) TRY(walls.find(wanted));
  WallCases all;
  for (const std::string& wall : walls.names()) {
    if (wanted != "all" && wanted != wall) continue;
    if (const runtime::Probe& probe = walls.probe(wall); !probe.is_available) {
      all.skipped.push_back({wall, runtime::why_not(probe)});
      continue;
    }
    Case c = case_of(brig, wall, rounds);
    for (Contender& peer : TRY(peers_of(wall, scratch))) c.contenders.push_back(std::move(peer));
    all.cases.push_back(std::move(c));
  }
  if (wanted == "all" || is_engine) TRY(add_engines(all, brig, wanted, rounds, scratch));
  if (!all.cases.empty()) return all;
  std::string why;
  for (const Skipped& one : all.skipped) why += (why.empty() ? "" : "; ") + one.wall + ": " + one.why;
  return Error(Code::kUnsupported, "nothing to measure: " + why);
}

}  // namespace brig::cli
