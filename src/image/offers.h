#pragma once
/// Offers: what a template has for whoever writes code for it: languages, Python libraries, where files go.
#include <string>
#include <vector>

#include "image/manifest.h"

namespace brig::image {

struct Offers {
  std::string template_name = "host";
  std::string description;
  std::string working_folder = "/workspace";
  std::vector<std::string> languages;  ///< "python"; empty: nobody has written down which
  std::vector<std::string> libraries;  ///< of Python, by the name that is imported
  bool are_libraries_known = false;    ///< else there may be any, or none
};

/// From its Debian packages, if it was made of such; what an image from elsewhere has, nobody has written down.
Offers offers_of(const Manifest& manifest);

/// Of this machine's /usr, which is what the template `host` shows: looks for the interpreters and the libraries that
/// code for data is usually written with.
Offers host_offers();

}  // namespace brig::image
