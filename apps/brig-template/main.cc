/// brig-template: `brig template`, which makes, lists and removes what sandboxes find in their root.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>

#include "../brig/options.h"
#include "base/text.h"
#include "commands.h"
#include "sys/file.h"

namespace brig::templates {
namespace {

struct Command {
  std::string_view name;
  std::string_view what;
  int (*main)(const Words&);
};

constexpr std::array kCommands = {
    Command{"build", "make a template of a Dockerfile or of Debian packages", cmd_build},
    Command{"import", "make a template of an OCI layout, a docker save archive, a tar or a folder", cmd_import},
    Command{"lib", "install Python packages from wheels for a template, or list what is installed", cmd_lib},
    Command{"ls", "list the templates", cmd_ls},
    Command{"info", "say what is in a template and where it came from", cmd_info},
    Command{"rm", "remove templates", cmd_rm},
    Command{"gc", "remove what no template needs: the cache, and what died builds left", cmd_gc},
};

std::string overview() {
  std::string text =
      "Usage: brig template COMMAND …\n\nTemplates are what sandboxes find in their root.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    text +=
        "  " + std::string(command.name) + std::string(8 - command.name.size(), ' ') + std::string(command.what) + "\n";
  }
  return text + "\nbrig template COMMAND --help says more.\n";
}

int run(const Words& words) {
  if (words.empty())
    return cli::usage_error("which command? brig template ls, for example (brig template --help lists them)");
  const std::string& name = words.front();
  if (name == "--help" || name == "-h" || name == "help") return say(overview()) ? 0 : 1;
  if (name == "serve") return cmd_serve(Words(words.begin() + 1, words.end()));
  std::array<std::string_view, kCommands.size()> names;
  for (std::size_t i = 0; i < kCommands.size(); ++i) {
    if (kCommands[i].name == name) return kCommands[i].main(Words(words.begin() + 1, words.end()));
    names[i] = kCommands[i].name;
  }
  return cli::usage_error("unknown command \"template " + printable(name) + "\"" + did_you_mean(name, names) +
                          " (brig template --help lists them)");
}

}  // namespace
}  // namespace brig::templates

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // writes answer EPIPE
  ::umask(022);                   // templates are for all to read
  try {
    return brig::templates::run(brig::templates::Words(words + (count > 0 ? 1 : 0), words + count));
  } catch (const std::exception& error) {
    brig::cli::complain(std::string("internal error: ") + error.what());
    return 125;
  }
}
