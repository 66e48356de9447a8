/// brig: runs code that nobody has read, in a sealed throw-away sandbox.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>

#include "base/text.h"
#include "command.h"
#include "options.h"
#include "sys/file.h"

namespace brig::cli {
namespace {

struct Command {
  std::string_view name;
  std::string_view what;
  int (*main)(const Arguments&);
};

constexpr std::array kCommands = {
    Command{"run", "run a program in a fresh sandbox and destroy it", cmd_run},
    Command{"serve", "serve sandboxes over HTTP", cmd_serve},
    Command{"sandbox", "sandboxes of a daemon: create, exec, cp, kill …", cmd_sandbox},
    Command{"repl", "an interpreter in a sandbox, at this terminal", cmd_repl},
    Command{"mcp", "give a model's client tools that run code (Model Context Protocol)", cmd_mcp},
    Command{"template", "what sandboxes find in their root: import, build, ls, info, rm", cmd_template},
    Command{"prompt", "say to a language model what its code will find", cmd_prompt},
    Command{"keys", "keys of a daemon: create, ls, revoke", cmd_keys},
    Command{"doctor", "say what this host offers and what is missing", cmd_doctor},
    Command{"attack", "attack this installation's sandboxes and say what held", cmd_attack},
    Command{"bench", "measure what a sandbox costs here", cmd_bench},
};

std::string overview() {
  std::string text = "Usage: brig COMMAND …\n\nRuns untrusted code in sealed throw-away sandboxes.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    text += "  " + std::string(command.name) + std::string(10 - command.name.size(), ' ') + std::string(command.what) +
            "\n";
  }
  return text + "\nbrig COMMAND --help says more. brig --version\n";
}

int say(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text).has_value() ? 0 : 1; }

/// What a caller may have left open or closed, put in order before anything else is opened.
void prepare_process() {
  // A closed 0, 1 or 2 would be given to the next file that is opened, and a program's output written into it. The
  // placeholders are opened the wrong way round, so that reading or writing them fails as a closed descriptor does.
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0) ::_exit(125);
  }
  std::signal(SIGPIPE, SIG_IGN);  // writes answer EPIPE
  std::signal(SIGTTIN, SIG_IGN);  // reading the terminal from the background answers EIO instead of stopping us
}

int run(const Arguments& words) {
  if (words.empty()) {
    complain("which command? brig run, for example (brig --help lists them)");
    return 2;
  }
  const std::string& name = words.front();
  if (name == "--help" || name == "-h" || name == "help") return say(overview());
  if (name == "--version") return say("brig " BRIG_VERSION "\n");
  std::array<std::string_view, kCommands.size()> names;
  for (std::size_t i = 0; i < kCommands.size(); ++i) {
    if (kCommands[i].name == name) return kCommands[i].main(Arguments(words.begin() + 1, words.end()));
    names[i] = kCommands[i].name;
  }
  return usage_error("unknown command \"" + printable(name) + "\"" + did_you_mean(name, names) +
                     " (brig --help lists them)");
}

}  // namespace
}  // namespace brig::cli

int main(int count, char** words) {
  brig::cli::prepare_process();
  try {
    return brig::cli::run(brig::cli::Arguments(words + (count > 0 ? 1 : 0), words + count));
  } catch (const std::exception& error) {
    brig::cli::complain(std::string("internal error: ") + error.what());
    return 125;
  }
}
