#pragma once
/// The agent where nobody built a sandbox around it: in a machine that somebody else's service has made for us alone.
///
/// Its channel is the standard input and output, which may be pipes: a process of its own pumps between them and the
/// agent's socket. As root it makes the folders that every sandbox has and becomes their user; in any case it gives up
/// capabilities and new privileges and takes the limits that a process can take on itself, before it says anything.
#include <string_view>

namespace brig::agent {

/// The first thing on its standard output, followed by the kernel's name and a line end; then the guest protocol.
inline constexpr std::string_view kAloneGreeting = "brig-agent 1 ";
inline constexpr unsigned kAloneUser = 1000;
inline constexpr const char* kAloneFolder = "/workspace";
inline constexpr const char* kAloneHome = "/home/user";

/// `words`: processes of its user, open files, bytes of memory of one process, bytes of one file, seconds of processor
/// time of one process (0 = no limit), in decimal. Serves until the standard input ends; ends with 64 for other words
/// and 71 if a step cannot be taken, with a line on the standard error.
[[noreturn]] void serve_alone(int count, const char* const* words);

}  // namespace brig::agent
