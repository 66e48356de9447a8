#pragma once
/// A second system-call filter, for sandboxes with a mount that they can write: it lets no file get a set-user or
/// set-group bit by chmod().
///
/// Inside such bits are dead, but a writable mount shows the sandbox's user as the owner of the host's folder: what it
/// marks there would be a program of that owner's for everybody on the host. A file that is made with the bits needs no
/// rule: it is empty, and whatever gives it contents takes them away (file_remove_privs() of the kernel).
#include <string>

namespace brig::runtimes::process {

/// An array of sock_filter for this architecture. Whatever it lets pass the ordinary filter judges.
std::string set_id_filter();

}  // namespace brig::runtimes::process
