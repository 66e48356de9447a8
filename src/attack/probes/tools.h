#pragma once
/// What the probes share: attempts, and how the kernel's answer is read.
///
/// EPERM, EACCES and ENOSYS mean that a wall refused. Any other error of a call with deliberately bad arguments means
/// that the kernel looked at them: the interface was reached, which is the breach.
#include <sys/socket.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attack/probe.h"

namespace brig::attack {

Finding held(std::string seen);
Finding breached(std::string seen);
Finding not_applicable(std::string seen);

/// "EPERM"
std::string error_name(int number);

/// Reads the result of a call that must be refused, and errno. Success is a breach, and so is any error that is neither
/// a refusal nor in `also_held`.
Finding refused(std::string_view call, long result, std::initializer_list<int> also_held = {});

/// The worst of several findings: breached before held before not applicable. Texts of equals are joined.
Finding worst(const std::vector<Finding>& findings);

/// Opens and closes, writing and reading nothing: success, or ETXTBSY (only "in use" protects it), is a breach.
Finding cannot_open(const std::string& path, int flags);
Finding cannot_open_any(std::initializer_list<const char*> paths, int flags);

/// Up to 4 KiB of the file, or nothing if it cannot be opened or read.
std::optional<std::string> read_some(const std::string& path);
/// A breach if a byte of it can be read. With kShow the finding quotes it: for canaries, never for the host's own
/// secrets.
enum class Quote : bool { kHide, kShow };
Finding cannot_read(const std::string& path, Quote quote);

/// The names in a folder without "." and "..", or nothing if it cannot be opened.
std::optional<std::vector<std::string>> names_in(const std::string& path);

/// Runs `attempt` in a child, for what cannot be undone. A child that the system-call filter ended (SIGSYS) held; one
/// that ended any other way without an answer is a breach: nothing was proven.
Finding in_child(Finding (*attempt)(const Args&), const Args& args);

/// The folders a program may write to, those that exist: "/tmp", "/workspace", "/home/user", "/dev/shm".
std::vector<std::string> scratch_folders();

/// True in the first pid namespace of the machine, where some attempts must never be made.
bool is_initial_pid_namespace();

/// Connects (half a second at most), and reads what the other side says. Connected is a breach; a route that swallows
/// packets (no answer in time) too.
Finding cannot_connect(std::string_view whom, const sockaddr* address, socklen_t length, int type = SOCK_STREAM);
Finding cannot_connect_inet(std::string_view whom, const char* address, long port, int type = SOCK_STREAM);
/// `abstract` without its leading NUL.
Finding cannot_connect_unix(const std::string& path, bool is_abstract);

/// Makes /tmp/<name> (or below another scratch folder) and returns it; empty if there is no place to write.
std::string scratch_folder(std::string_view name);

}  // namespace brig::attack
