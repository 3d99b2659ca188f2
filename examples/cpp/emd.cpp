// Prints the Energy Mover's Distance of two events (R = 1, beta = 1): ./emd A.txt B.txt
//
//   c++ -std=c++17 -O2 emd.cpp -o emd $(pkg-config --cflags --libs hepml)
//
// A file holds one event: rows of `pt y phi`, `#` begins a comment. A file without rows is an event without particles.
#include <cstdio>
#include <exception>
#include <hepml.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "standard_output.hpp"
#include "text_events.hpp"

static Event read_event(const std::string& path) {
    const std::vector<Event> events = read_events(path);
    if (events.size() > 1) {
        throw std::runtime_error(path + ": " + std::to_string(events.size()) +
                                 " events, separated by blank lines, where one is expected");
    }
    const Event event = events.empty() ? Event() : events.front();
    try {
        // Looked at on its own, so that what is wrong with it is said of this file.
        const hepml::flows checked(event, std::vector<std::size_t>{0, event.size()});
    } catch (const hepml::error& error) {
        throw std::runtime_error(path + ": " + error.what());
    }
    return event;
}

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s A.txt B.txt\n", argv[0]);
        return 2;
    }
    const Event a = read_event(argv[1]), b = read_event(argv[2]);
    const hepml::transport plan = hepml::emd().solve(a, b);
    std::printf("%.17g\n", plan.value());
    finish_standard_output();
} catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
}
