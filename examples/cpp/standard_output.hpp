// What a program has printed, on its way to where it goes.
#pragma once

#include <cstdio>
#include <stdexcept>

// To be called last: what was printed may still wait in memory, and the disk may be full.
inline void finish_standard_output() {
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        throw std::runtime_error("standard output cannot be written");
    }
}
