#include "image/offers.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace brig::image {
namespace {

/// What code for data is usually written with, by the name that is imported, and Debian's package of it.
struct Library {
  std::string_view module;
  std::string_view package;
};

constexpr std::array kLibraries = {
    Library{"numpy", "python3-numpy"},
    Library{"pandas", "python3-pandas"},
    Library{"matplotlib", "python3-matplotlib"},
    Library{"scipy", "python3-scipy"},
    Library{"sklearn", "python3-sklearn"},
    Library{"seaborn", "python3-seaborn"},
    Library{"sympy", "python3-sympy"},
    Library{"PIL", "python3-pil"},
    Library{"openpyxl", "python3-openpyxl"},
    Library{"lxml", "python3-lxml"},
    Library{"bs4", "python3-bs4"},
    Library{"yaml", "python3-yaml"},
    Library{"requests", "python3-requests"},
};

struct Interpreter {
  std::string_view language;
  const char* path;
};

constexpr std::array kInterpreters = {Interpreter{"python", "/usr/bin/python3"},
                                      Interpreter{"javascript", "/usr/bin/node"}, Interpreter{"bash", "/usr/bin/bash"},
                                      Interpreter{"r", "/usr/bin/Rscript"}};

bool is_package(const std::string& versioned, std::string_view name) {
  return versioned.starts_with(name) && versioned.size() > name.size() && versioned[name.size()] == '=';
}

}  // namespace

Offers offers_of(const Manifest& manifest) {
  Offers offers{.template_name = manifest.name, .description = manifest.description};
  if (!manifest.defaults.working_folder.empty()) offers.working_folder = manifest.defaults.working_folder;
  for (const Language& language : manifest.defaults.languages) offers.languages.push_back(language.name);
  offers.are_libraries_known = !manifest.provenance.packages.empty();
  for (const Library& library : kLibraries) {
    const bool has = std::ranges::any_of(manifest.provenance.packages,
                                         [&](const std::string& name) { return is_package(name, library.package); });
    if (has) offers.libraries.emplace_back(library.module);
  }
  return offers;
}

Offers host_offers() {
  Offers offers{.description = "the programs of the machine itself, read-only", .are_libraries_known = true};
  for (const Interpreter& one : kInterpreters) {
    if (::access(one.path, X_OK) == 0) offers.languages.emplace_back(one.language);
  }
  for (const Library& library : kLibraries) {
    const std::string folder = "/usr/lib/python3/dist-packages/" + std::string(library.module);
    if (::access(folder.c_str(), R_OK) == 0) offers.libraries.emplace_back(library.module);
  }
  return offers;
}

}  // namespace brig::image
