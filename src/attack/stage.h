#pragma once
/// The room of a control: namespaces that keep the host safe and no wall at all.
///
/// A control shows that a probe can breach. It runs on the invoking user's own authority, with every capability they
/// have, but
/// - in its own pid namespace: nothing outlives it, and kill(-1) reaches nobody;
/// - in its own mount namespace, where every file system of the host is read-only; /tmp, /run, /home, /root, /var/tmp
///   and /dev/shm are private, with decoys, and /usr is covered by a private writable overlay;
/// - in its own network namespace, whose loopback also plays the metadata service and the internet;
/// - in its own ipc and uts namespaces.
/// Without root the room is made in a user namespace in which the user is root.
#include <string>
#include <vector>

namespace brig::attack {

/// "@room key=value… NAME": makes the namespaces and ends as the room did. 125 and a line on standard error if a step
/// fails.
int enter_room(const std::vector<std::string>& words);
/// "@inner-room …": pid 1 of the room: furnishes it, starts its canary, runs the probe (both phases) and ends as it
/// did.
int run_in_room(const std::vector<std::string>& words);

}  // namespace brig::attack
