#include "runtimes/oci/program.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

#include "sys/file.h"

namespace brig::runtimes::oci {
namespace {

constexpr std::array<std::string_view, 6> kFolders{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                   "/usr/bin",        "/sbin",          "/bin"};

/// The program is run with root's privileges (or ours), so it must be root's.
Result<> check_owner(const Program& program) {
  struct stat info = {};
  if (::fstat(program.file.get(), &info) < 0) return Error::last_system("look at " + program.path);
  if (!S_ISREG(info.st_mode) || info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
      (info.st_mode & S_IXOTH) == 0) {
    return Error(Code::kDenied, program.path +
                                    " is not a program that belongs to root and that only root can write: "
                                    "run `chown root " +
                                    program.path + "; chmod 755 " + program.path + "`");
  }
  return {};
}

}  // namespace

std::span<const std::string_view> program_names(Wall wall) {
  static constexpr std::array<std::string_view, 2> kOfContainer{"runc", kCrun};
  static constexpr std::array<std::string_view, 1> kOfGvisor{"runsc"};
  switch (wall) {
    case Wall::kRunc: return kOfContainer;
    case Wall::kRunsc: return kOfGvisor;
    case Wall::kProcess: break;
  }
  return {};
}

Result<Program> find_runtime(Wall wall) {
  Error missing(Code::kUnsupported, "no program makes this wall");
  bool is_first = true;
  for (const std::string_view name : program_names(wall)) {
    auto program = find_program(name);
    if (program.has_value() || program.error().code() != Code::kUnavailable) return program;
    if (std::exchange(is_first, false)) missing = std::move(program).error();
  }
  return missing;
}

Result<Program> find_program(std::string_view name) {
  Program program{.name = std::string(name), .path = {}, .file = {}};
  for (const std::string_view folder : kFolders) {
    program.path = std::string(folder) + "/" + program.name;
    auto file = sys::open(program.path, O_PATH);
    if (!file.has_value()) continue;
    program.file = *std::move(file);
    TRY(check_owner(program));
    return program;
  }
  return Error(Code::kUnavailable, program.name +
                                       " is not installed (looked in /usr/local/bin, /usr/sbin and /usr/bin): "
                                       "run `apt-get install " +
                                       program.name + "`");
}

}  // namespace brig::runtimes::oci
