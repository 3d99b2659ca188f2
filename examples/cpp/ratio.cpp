// Fits a likelihood ratio with boosted trees, saves it, loads it: ./ratio MODEL [EVENTS]
//
//   c++ -std=c++17 -O2 ratio.cpp -o ratio $(pkg-config --cflags --libs hepml)
//
// Both samples have two columns of normal deviates. The events of the numerator carry weights that shift the mean of the first column
// from 0 to 1/2; so ln r = x/2 - 1/8 is known, and what was learned is compared with it.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <hepml.hpp>
#include <random>
#include <string>
#include <vector>

#include "standard_output.hpp"

using Row = std::array<double, 2>;

static double exact(const Row& row) { return 0.5 * row[0] - 0.125; }

static hepml::table table(const std::vector<Row>& rows) {
    return hepml::table::of(rows, [](const Row& row) { return row; });
}

// The object {...} that belongs to a name in JSON text, to print parts of it without a parser.
static std::string member(const std::string& json, const std::string& name) {
    std::size_t at = json.find("\"" + name + "\":");
    if (at == std::string::npos || (at = json.find('{', at)) == std::string::npos) {
        return "none";
    }
    int depth = 0;
    bool quoted = false;
    for (std::size_t end = at; end < json.size(); ++end) {
        if (json[end] == '\\') {
            ++end;
        } else if (json[end] == '"') {
            quoted = !quoted;
        } else if (!quoted && json[end] == '{') {
            ++depth;
        } else if (!quoted && json[end] == '}' && --depth == 0) {
            return json.substr(at, end + 1 - at);
        }
    }
    return "none";
}

int main(int argc, char** argv) try {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: %s MODEL [EVENTS]\n", argv[0]);
        return 2;
    }
    const unsigned long events = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 20000;
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    const auto draw = [&] {
        std::vector<Row> rows(events);
        for (Row& row : rows) {
            row = {normal(random), normal(random)};
        }
        return rows;
    };
    const std::vector<Row> numerator = draw(), denominator = draw(), others = draw();
    std::vector<double> weights;
    for (const Row& row : numerator) {
        weights.push_back(std::exp(exact(row)));
    }

    hepml::fit_options options;
    options.seed = 1;
    options.threads = 0;
    const hepml::table of_numerator = table(numerator), of_denominator = table(denominator);
    const hepml::model fitted = hepml::fit_ratio(
        hepml::learner::trees, {of_numerator, weights}, of_denominator, options, [](const hepml::progress& now) {
            const std::string stage(now.stage());
            std::fprintf(stderr, "\r%s: %llu of %llu    ", stage.c_str(), static_cast<unsigned long long>(now.step()),
                         static_cast<unsigned long long>(now.total()));
        });
    std::fprintf(stderr, "\n");
    const std::string measures = member(fitted.report(), "measures");
    for (const char* name : {"trees", "auc", "effective sample size/numerator", "normalisation"}) {
        std::printf("%s: %s\n", name, member(measures, name).c_str());
    }

    fitted.save(argv[1]);
    const hepml::model loaded = hepml::model::load(argv[1]);
    const hepml::table judges = table(others);
    const std::vector<double> log_ratios = loaded.evaluate(judges, 0);
    if (log_ratios != fitted.evaluate(judges)) {
        throw std::runtime_error("the loaded model is not the one that was saved");
    }
    double error = 0.0;
    for (std::size_t i = 0; i < others.size(); ++i) {
        error += std::abs(log_ratios[i] - exact(others[i]));
    }
    std::printf("mean |ln r - exact| on %zu other events: %.4f\n", others.size(), error / static_cast<double>(others.size()));
    std::printf("%s gives the same bits after loading\n", argv[1]);
    finish_standard_output();
} catch (const std::exception& error) {
    std::fprintf(stderr, "\nerror: %s\n", error.what());
    return 1;
}
