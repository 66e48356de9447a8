#include "image/prompt.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "base/units.h"

namespace brig::image {
namespace {

constexpr std::size_t kDescriptionShown = 200;
constexpr std::size_t kNameShown = 64;

std::string item(const std::string& text) { return "- " + text + "\n"; }

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name, kNameShown);
  return text;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string processors(const policy::Limits& limits) {
  std::string text = std::to_string(limits.cpu_millis / 1000);
  if (const std::uint32_t rest = limits.cpu_millis % 1000; rest != 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + (limits.cpu_millis == 1000 ? " processor" : " processors");
}

std::string what_is_there(const policy::Policy& policy, const Offers& offers) {
  std::string text = "### What is there\n\n";
  if (offers.languages.empty()) {
    text += item("Languages: whatever the template's maker put in; try `command -v python3 node bash`.");
  } else {
    text += item("Languages: " + listed(offers.languages) + ". No other is sure to be there.");
  }
  if (!offers.are_libraries_known) {
    text += item("Python libraries: nobody has listed them; `importlib.util.find_spec(\"NAME\")` tells.");
  } else if (offers.libraries.empty()) {
    text += item("Python libraries: the standard library only.");
  } else {
    text +=
        item("Python libraries: the standard library, and by the names to import: " + listed(offers.libraries) + ".");
  }
  if (const auto& added = policy.libraries.use; !added.empty())
    text += item("Python packages that were added, with what they need: " + listed(added) + ".");
  text += item(
      "Nothing can be installed: there is no network, and the system's folders are read-only. If a module is "
      "missing, solve the task with what is there and say so.");
  return text;
}

std::string limits_of(const policy::Limits& limits) {
  std::string text = "\n### Limits\n\n";
  text += item("Time: " + format(limits.timeout) +
               " for each run (status `timeout`). Do less at once, or in several runs.");
  text +=
      item("Memory: " + format(limits.memory) +
           ", with the files you write (status `memory_limit`). Read large files in pieces, keep only needed columns.");
  text += item("Processors: " + processors(limits) + "; processes and threads at once: " + std::to_string(limits.pids) +
               ".");
  text += item("Files you write: " + format(limits.disk) + " in all, " + std::to_string(limits.inodes) + " files.");
  text += item("Output: the first and last half of " + format(limits.output) +
               " of each stream are kept. Print summaries, not whole tables.");
  return text;
}

std::string files_of(const policy::Policy& policy, const Offers& offers) {
  std::string text = "\n### Files\n\n";
  text += item("Work in `" + printable(offers.working_folder, kNameShown) +
               "`; `/tmp` and `/home/user` are there as well. Everything else is read-only.");
  for (const policy::Mount& mount : policy.mounts) {
    text += item("`" + printable(mount.to.text(), 200) + "` is given to you" +
                 (mount.access == policy::Access::kReadWrite ? ", to read and to change." : ", read-only."));
  }
  text += item("A sandbox begins empty but for what is given to it, and all that is in it is gone at its end.");
  return text;
}

std::string results_of(const Offers& offers) {
  std::string text = "\n### Results\n\n";
  text += item("Print what the user shall read. An exit code other than 0 means that it failed.");
  if (offers.languages.empty() || has(offers.languages, "python")) {
    if (!offers.are_libraries_known || has(offers.libraries, "matplotlib"))
      text += item(
          "To show a plot, draw it with matplotlib and call `plt.show()`; it is caught as a picture. No window opens.");
    text += item("`display(thing)` shows a thing in its richest form: a table as HTML, a figure as a picture.");
  }
  text += item("There is nobody to type: do not ask for input.");
  return text;
}

}  // namespace

std::string prompt(const policy::Policy& policy, const Offers& offers) {
  std::string text = "## Running code\n\nYour code runs in a sealed sandbox";
  text += offers.template_name == "host"
              ? ""
              : " made from the template `" + printable(offers.template_name, kNameShown) + "`";
  text += ", which is thrown away afterwards.";
  if (!offers.description.empty()) text += " It has: " + printable(offers.description, kDescriptionShown) + ".";
  text += "\n\n" + what_is_there(policy, offers);
  text +=
      item("Network: none. No name resolves and no connection leaves the sandbox. Do not download, and do not retry.");
  return text + limits_of(policy.limits) + files_of(policy, offers) + results_of(offers);
}

}  // namespace brig::image
