// Events in text files: rows `pt y phi`, one a particle; `#` begins a comment; blank lines separate events.
#pragma once

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using Event = std::vector<std::array<double, 3>>;

inline std::vector<Event> read_events(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error(path + ": cannot be opened");
    }
    std::vector<Event> events;
    Event event;
    const auto finish = [&] {
        if (!event.empty()) {
            events.push_back(event);
            event.clear();
        }
    };
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::vector<double> row;
        for (std::string word; words >> word;) {
            char* end = nullptr;
            row.push_back(std::strtod(word.c_str(), &end));
            if (*end != '\0') {
                throw std::runtime_error(path + ", line " + std::to_string(number) + ": expected a number, found " + word);
            }
        }
        if (row.empty()) {
            if (line.find('#') == std::string::npos) {
                finish();
            }
        } else if (row.size() == 3) {
            event.push_back({row[0], row[1], row[2]});
        } else {
            throw std::runtime_error(path + ", line " + std::to_string(number) + ": expected the 3 columns pt y phi, found " +
                                     std::to_string(row.size()));
        }
    }
    if (file.bad()) {
        throw std::runtime_error(path + ": reading failed");
    }
    finish();
    return events;
}
