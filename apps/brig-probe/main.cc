/// brig-probe: one attack on a sandbox a run (src/attack/probe.h). Also makes the rooms in which controls run.
#include "attack/program.h"

int main(int argc, char** argv) { return brig::attack::probe_main(argc, argv); }
