#pragma once
/// Scene: what lies outside the sandboxes of one worker, for them to find, touch or break.
///
/// Files with the secret in the host's shared folders and in the caller's home, an input, the canary process
/// (canary.h). Everything is named after a random number and removed by the destructor.
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sys/process.h"

namespace brig::attack {

class Scene {
 public:
  /// `program` is brig-probe. kSystem if the host's /tmp cannot be written.
  static Result<std::unique_ptr<Scene>> create(const std::string& program, const std::string& token);
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene();

  /// The arguments that tell a probe where to look, without the secret. `input` is where it sees the input.
  [[nodiscard]] std::vector<std::string> arguments(const std::string& input) const;
  [[nodiscard]] const std::string& input() const { return input_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  /// What was touched or changed since the last call, in words. Changed files are written anew.
  std::vector<std::string> take_damage();

 private:
  Scene() = default;
  Result<> place(const std::string& path, const std::string& text);

  struct File {
    std::string path;
    std::string text;
  };
  std::vector<File> files_;
  std::vector<std::string> folders_;  ///< in the order they were made
  std::string folder_;
  std::string input_;
  std::string home_secret_;
  std::string shm_secret_;
  std::string vartmp_secret_;
  std::vector<std::string> canary_words_;
  std::string canary_text_;  ///< what it said and was not looked at yet
  sys::Child canary_;
  Fd canary_in_;
  Fd canary_out_;
};

/// A number nobody can guess, in hex.
std::string random_hex(std::size_t bytes);

}  // namespace brig::attack
