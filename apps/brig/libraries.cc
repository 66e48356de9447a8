#include "libraries.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "helper.h"
#include "options.h"
#include "policy/validate.h"
#include "runtime/exit.h"
#include "sys/file.h"
#include "sys/process.h"
#include "templates_dir.h"

namespace brig::cli {
namespace {

constexpr int kUsage = 2;

Result<HostPath> wheels_of(const image::Catalog& catalog, const LibraryOptions& options) {
  if (!options.wheels) return catalog.wheels();
  std::string here(PATH_MAX, '\0');
  if (::getcwd(here.data(), here.size()) == nullptr) return Error::last_system("find the working folder");
  HostPath folder = TRY(resolve_host_path(*options.wheels, here.c_str()));
  if (::access(folder.c_str(), R_OK) != 0) return Error::last_system(folder.text());
  return folder;
}

/// Has it done by the program that makes such things, which says itself what goes wrong. Its exit code.
Result<int> install(const std::vector<std::string>& names, const std::optional<image::Template>& chosen,
                    const image::Catalog& catalog, const HostPath& wheels) {
  std::vector<std::string> words{"lib",      "--quiet",    "--templates-dir", catalog.folder().text(),
                                 "--wheels", wheels.text()};
  if (chosen) words.insert(words.end(), {"--template", chosen->manifest.name});
  words.insert(words.end(), names.begin(), names.end());
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {FdRef(STDERR_FILENO), 2}};
  auto child = TRY(sys::spawn(TRY(find_helper("brig-template")), words, environment, fds));
  const sys::ProcessEnd end = TRY(child.wait());
  return end.is_signal ? 1 : end.value;
}

Result<policy::Policy> shown(policy::Policy policy, const image::InstalledLibrary& found) {
  policy.mounts.push_back(TRY(library_mount(found)));
  TRY(policy::check_last_mount(policy));
  return policy;
}

}  // namespace

std::expected<policy::Policy, int> with_libraries(policy::Policy policy, const std::optional<image::Template>& chosen,
                                                  const LibraryOptions& options) {
  // Another machine has libraries of its own, and is asked for them by name.
  if (policy.libraries.use.empty() || policy.runtime == "remote") return policy;
  const auto mistake = [](const Error& error) { return std::unexpected(usage_error("--lib: " + error.message())); };
  const auto folder = templates_folder(options.templates_dir);
  if (!folder) return mistake(folder.error());
  const image::Catalog catalog(*folder);
  const auto wheels = wheels_of(catalog, options);
  if (!wheels) return mistake(wheels.error());
  const auto base = image::library_base(chosen ? &chosen->manifest : nullptr);
  if (!base) return mistake(base.error());
  const auto& names = policy.libraries.use;
  auto found = catalog.find_library(*base, names);
  if (!found || !is_current(found->library, *wheels)) {
    const auto code = install(names, chosen, catalog, *wheels);
    if (!code) return mistake(code.error());
    if (*code != 0) return std::unexpected(*code == kUsage ? kUsage : runtime::kFailedExitCode);
    found = catalog.find_library(*base, names);
    if (!found) return mistake(found.error());
  }
  auto with = shown(std::move(policy), *found);
  if (!with) return mistake(with.error());
  return *std::move(with);
}

}  // namespace brig::cli
