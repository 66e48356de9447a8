#include "attack/scene.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "attack/canary.h"
#include "base/check.h"
#include "sys/file.h"

namespace brig::attack {
namespace {

constexpr int kCanaryStartMs = 5000;

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string home_folder() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/' && ::access(home, W_OK) == 0) return home;
  return {};
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  std::string text;
  std::vector<unsigned char> random(bytes);
  BRIG_CHECK(::getrandom(random.data(), bytes, 0) == static_cast<ssize_t>(bytes), "the kernel has random numbers");
  for (unsigned char byte : random) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Result<> Scene::place(const std::string& path, const std::string& text) {
  const Fd fd = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  TRY(sys::write_all(fd.ref(), text));
  files_.push_back({path, text});
  return {};
}

Result<std::unique_ptr<Scene>> Scene::create(const std::string& program, const std::string& token) {
  std::unique_ptr<Scene> scene(new Scene);
  const std::string name = "brig-canary-" + random_hex(6);
  const auto make_folder = [&](const std::string& path) -> Result<> {
    if (::mkdir(path.c_str(), 0755) != 0) return Error::last_system(path);
    scene->folders_.push_back(path);
    return {};
  };
  scene->folder_ = "/tmp/" + name;
  TRY(make_folder(scene->folder_));
  TRY(scene->place(scene->folder_ + "/secret", token));
  TRY(scene->place(scene->folder_ + "/.env", "API_KEY=" + token));
  // Beside the canaries' folder, not in it: the sandbox is given this one, and may learn its path.
  TRY(make_folder("/tmp/brig-input-" + name.substr(12)));
  scene->input_ = scene->folders_.back() + "/input.txt";
  TRY(scene->place(scene->input_, "an input\n"));
  scene->shm_secret_ = "/dev/shm/" + name;
  scene->vartmp_secret_ = "/var/tmp/" + name;
  for (const std::string& path : {scene->shm_secret_, scene->vartmp_secret_}) {
    if (auto placed = scene->place(path, token); !placed && placed.error().code() != Code::kNotFound)
      return placed.error();
  }
  // Without a home folder the probe looks for a name that only a control's room has.
  scene->home_secret_ = "/home/alice/.ssh/id_ed25519";
  if (const std::string home = home_folder(); !home.empty()) {
    TRY(make_folder(home + "/." + name));
    scene->home_secret_ = scene->folders_.back() + "/id_ed25519";
    TRY(scene->place(scene->home_secret_, token));
  }

  std::array<int, 2> to{};
  std::array<int, 2> from{};
  if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) return Error::last_system("pipe");
  Fd child_in(to[0]);
  Fd child_out(from[1]);
  scene->canary_in_ = Fd(to[1]);
  scene->canary_out_ = Fd(from[0]);
  const std::vector<std::string> words{"@canary", scene->folder_};
  const std::vector<std::string> environment{std::string(kCanaryVariable) + "=" + token};
  const std::array fds{sys::Inherited{child_in.ref(), 0}, sys::Inherited{child_out.ref(), 1}};
  scene->canary_ = TRY(sys::spawn(program, words, environment, fds).context("start the canary"));
  child_in.reset();
  child_out.reset();

  std::string line;
  for (char byte = 0; byte != '\n'; line += byte) {
    pollfd waiting{scene->canary_out_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kCanaryStartMs) <= 0 || ::read(scene->canary_out_.get(), &byte, 1) != 1) {
      return Error(Code::kInternal, "the canary did not start");
    }
  }
  TRY(sys::set_nonblocking(scene->canary_out_.ref(), true));
  std::istringstream stream(line);
  for (std::string word; stream >> word;) {
    if (word != "ready") scene->canary_words_.push_back(word);
  }
  return scene;
}

Scene::~Scene() {
  canary_in_.reset();
  canary_ = {};
  if (!folder_.empty()) ::unlink((folder_ + "/socket").c_str());
  for (const File& file : files_) ::unlink(file.path.c_str());
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) ::rmdir(folder->c_str());
}

std::vector<std::string> Scene::arguments(const std::string& input) const {
  std::vector<std::string> words{"canary_dir=" + folder_,           "input=" + input,
                                 "home_secret=" + home_secret_,     "shm_secret=" + shm_secret_,
                                 "vartmp_secret=" + vartmp_secret_, "hostname=" + host_name()};
  words.insert(words.end(), canary_words_.begin(), canary_words_.end());
  return words;
}

std::vector<std::string> Scene::take_damage() {
  std::vector<std::string> damage;
  for (const File& file : files_) {
    const auto text = sys::read_file(file.path, file.text.size() + 1);
    if (text.has_value() && *text == file.text) continue;
    damage.push_back(file.path + " was changed outside");
    if (const auto fd = sys::open(file.path, O_WRONLY | O_CREAT | O_TRUNC, 0644); fd.has_value()) {
      (void)sys::write_all(fd->ref(), file.text).has_value();
    }
  }
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(canary_out_.get(), buffer.data(), buffer.size())) > 0;) {
    canary_text_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  for (std::size_t end = 0; (end = canary_text_.find('\n')) != std::string::npos;) {
    damage.push_back("the canary was " + canary_text_.substr(0, end));
    canary_text_.erase(0, end + 1);
  }
  pollfd waiting{canary_.pidfd().get(), POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 0) damage.emplace_back("the canary process is dead");
  return damage;
}

}  // namespace brig::attack
