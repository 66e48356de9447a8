#pragma once
/// Made-up hosts and requests for tests: what a plan is compiled from.
#include "runtimes/process/compile.h"

namespace brig::runtimes::process {

/// An ordinary Debian 12 seen by root, with everything.
inline HostReport full_host() {
  HostReport host;
  host.is_root = true;
  host.landlock_abi = 7;
  host.kernel = "Linux 6.18.0";
  host.cgroups = {
      .version = sys::CgroupVersion::kV1, .memory = "/cg/memory", .pids = "/cg/pids", .cpu = "/cg/cpu", .why_not = ""};
  host.root_entries = {{"bin", "usr/bin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}, {"sbin", "usr/sbin"}};
  host.etc_entries = {"R/ldpaths", "alternatives", "ld.so.cache", "ssl/certs"};
  return host;
}

/// The same host seen by an ordinary user without a delegated group.
inline HostReport rootless_host() {
  HostReport host = full_host();
  host.is_root = false;
  host.uid = 1234;
  host.gid = 1234;
  host.cgroups = {
      .version = sys::CgroupVersion::kV2, .memory = "", .pids = "", .cpu = "", .why_not = "this user may not"};
  return host;
}

inline LaunchRequest plain_request() {
  LaunchRequest request;
  request.id = "test-1";
  request.memory = mebibytes(256);
  request.cpu_millis = 1000;
  request.pids = 65;
  request.open_files = 1024;
  request.disk = mebibytes(100);
  request.inodes = 10'000;
  request.lifetime = Milliseconds(30'000);
  return request;
}

}  // namespace brig::runtimes::process
