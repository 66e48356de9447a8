#include "service/hints.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace brig::service {
namespace {

constexpr std::size_t kModuleNameMax = 64;

/// "seaborn" of "No module named 'seaborn.colors'"; "NAME" if the message, which is the guest's, names none.
std::string missing_module(std::string_view message) {
  constexpr std::string_view kBefore = "No module named '";
  if (message.starts_with(kBefore)) {
    message.remove_prefix(kBefore.size());
    const std::string_view name = message.substr(0, message.find_first_of(".'"));
    const bool is_name = std::ranges::all_of(name, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    });
    if (!name.empty() && name.size() <= kModuleNameMax && is_name) return std::string(name);
  }
  return "NAME";
}

/// Of the process wall's root and of every image's (runtime/root_image.h).
constexpr std::array<std::string_view, 4> kAlwaysThere{"/", "/tmp", "/workspace", "/home/user"};

}  // namespace

std::string or_no_folder(std::string_view cwd) {
  if (std::ranges::find(kAlwaysThere, cwd) != kAlwaysThere.end()) return {};
  return ", or no folder " + printable(cwd);
}

std::string hint_for(const ProgramError& error, std::string_view template_name) {
  if (error.name != "ModuleNotFoundError") return {};
  const std::string name = missing_module(error.value);
  const std::string libraries = "--lib " + name + " (over the API: libraries) brings it from a folder of wheels";
  const std::string no_network = "; pip in the sandbox cannot fetch it, as there is no network";
  if (template_name == "host") {
    return "the template host has the Python modules of the machine's /usr: apt-get install python3-" + name +
           " there adds one (some packages have another name), " + libraries +
           ", --in FOLDER and --env PYTHONPATH=/workspace/FOLDER show your own" + no_network;
  }
  return "the template " + printable(template_name, 80) + " has no module " + name + ": " + libraries +
         ", or use a template that has it (brig template build makes one)" + no_network;
}

}  // namespace brig::service
