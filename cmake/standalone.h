/* Included before everything in standalone programs (BrigStandalone.cmake): Debian's C++ library headers are configured
 * for glibc and ask for its version and for its name of a type; musl answers "none" and has the standard's name. */
#pragma once
#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t
