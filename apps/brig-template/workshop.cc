#include "workshop.h"

#include <limits.h>
#include <unistd.h>

#include "../brig/helper.h"
#include "../brig/options.h"
#include "base/text.h"
#include "commands.h"
#include "console.h"
#include "runtimes/process/process_runtime.h"

namespace brig::templates {
namespace {

int finish(const image::Imported& imported, bool is_json) {
  const image::Manifest& manifest = imported.made.manifest;
  if (is_json) return say(shown_json(manifest)) ? 0 : 1;
  std::string text = manifest.name + "  " + manifest.digest + (imported.is_from_cache ? "  (unchanged)" : "") + "\n";
  for (const std::string& note : manifest.notes) text += "  " + printable(note, 400) + "\n";
  return say(text) ? 0 : 1;
}

}  // namespace

Result<image::Workshop> make_workshop(image::OnLine on_line, image::OnLine on_detail) {
  const std::string launcher = TRY(cli::find_helper("brig-launch"));
  return image::Workshop{
      .make_runtime = [launcher]() -> Result<std::unique_ptr<runtime::Runtime>> {
        return runtimes::process::make_process_runtime({.launcher = launcher, .is_single_use = true});
      },
      .worker = TRY(HostPath::parse(TRY(cli::find_helper("brig-worker")))),
      .on_line = std::move(on_line),
      .on_detail = std::move(on_detail)};
}

Result<HostPath> readable_path(const std::string& text) {
  std::string here(PATH_MAX, '\0');
  if (::getcwd(here.data(), here.size()) == nullptr) return Error::last_system("find the working folder");
  HostPath path = TRY(resolve_host_path(text, here.c_str()));
  if (::access(path.c_str(), R_OK) != 0)
    return Error(Code::kInvalidArgument, Error::last_system(printable(path.text())).message());
  return path;
}

int work_in_shop(const std::optional<std::string>& folder, const std::string& log, const std::string& doing,
                 const Work& work, const std::function<int(const Error&)>& failed) {
  auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  if (auto ready = store->prepare(); !ready) return fail(ready.error());
  auto console = Console::open(store->folder().text() + "/logs", log);
  if (!console) return fail(console.error());
  const auto workshop = make_workshop([&console](std::string_view text) { console->line(text); },
                                      [&console](std::string_view text) { console->detail(text); });
  if (!workshop) return fail(workshop.error());
  const auto done = work(*workshop, *store);
  console->finish();
  if (done) return *done;
  console->show_unseen();
  console->line(done.error().message());
  console->finish();
  cli::complain(doing + ": " + done.error().message() + " (the log is " + console->log_path() + ")");
  return failed(done.error());
}

int make_template(const std::optional<std::string>& folder, const std::string& name, const std::string& doing,
                  bool is_json, const Make& make) {
  return work_in_shop(
      folder, name, doing,
      [&](const image::Workshop& workshop, image::Store& store) -> Result<int> {
        return finish(TRY(make(workshop, store)), is_json);
      },
      [](const Error&) { return 1; });
}

}  // namespace brig::templates
