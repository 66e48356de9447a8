# The guest protocol: the decoder, the host against any guest, the agent against any host.
brig_fuzz(wire_fuzz DEPS brig_guest_wire)
brig_fuzz(session_fuzz DEPS brig_guest)
brig_fuzz(agent_fuzz DEPS brig_agent)
