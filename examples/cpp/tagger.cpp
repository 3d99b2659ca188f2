// Evaluates a saved tagger on jets: ./tagger MODEL JETS.txt ...
//
//   c++ -std=c++17 -O2 tagger.cpp -o tagger $(pkg-config --cflags --libs hepml)
//
// A file holds jets: rows `pt y phi` of massless constituents, blank lines between jets. The same jets are evaluated twice: from
// columns of float, as ROOT keeps them, and from objects like FastJet's; neither is needed. Then one constituent is spoilt, to
// show what a bad event does: it throws, and the program goes on.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <hepml.hpp>
#include <limits>
#include <string>
#include <vector>

#include "standard_output.hpp"
#include "text_events.hpp"

// Branches of a tree as ROOT gives them for an event: std::vector or ROOT::RVec of float, one number a constituent.
struct Branches {
    std::vector<float> pt, y, phi;
};

// What the example needs of fastjet::PseudoJet.
class PseudoJet {
public:
    PseudoJet(double px, double py, double pz, double e) : px_(px), py_(py), pz_(pz), e_(e) {}
    double px() const { return px_; }
    double py() const { return py_; }
    double pz() const { return pz_; }
    double e() const { return e_; }

private:
    double px_, py_, pz_, e_;
};

// One jet at a time, as in an event loop.
static std::vector<double> from_branches(const hepml::model& tagger, const Branches& jet) {
    const std::vector<float> massless(jet.pt.size(), 0.0F);
    const auto constituents = hepml::momenta::of(hepml::coordinates::pt_y_phi_m, jet.pt, jet.y, jet.phi, massless);
    const std::vector<std::size_t> offsets{0, constituents.size()};
    return tagger.evaluate(hepml::sets(constituents, offsets));
}

// All jets at once: row-major, one row of class probabilities a jet.
static std::vector<double> from_pseudojets(const hepml::model& tagger, const std::vector<std::vector<PseudoJet>>& jets) {
    const auto momentum = [](const PseudoJet& p) { return std::array{p.px(), p.py(), p.pz(), p.e()}; };
    return tagger.evaluate(hepml::sets::of(hepml::coordinates::px_py_pz_e, jets, momentum));
}

int main(int argc, char** argv) try {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s MODEL JETS.txt ...\n", argv[0]);
        return 2;
    }
    const hepml::model tagger = hepml::model::load(argv[1]);
    const std::size_t classes = tagger.info().outputs;

    std::vector<Branches> branches;
    std::vector<std::vector<PseudoJet>> pseudojets;
    for (int file = 2; file < argc; ++file) {
        for (const Event& jet : read_events(argv[file])) {
            Branches columns;
            std::vector<PseudoJet> constituents;
            for (const auto& [pt, y, phi] : jet) {
                columns.pt.push_back(static_cast<float>(pt));
                columns.y.push_back(static_cast<float>(y));
                columns.phi.push_back(static_cast<float>(phi));
                constituents.emplace_back(pt * std::cos(phi), pt * std::sin(phi), pt * std::sinh(y), pt * std::cosh(y));
            }
            branches.push_back(columns);
            pseudojets.push_back(constituents);
        }
    }

    const std::vector<double> all = from_pseudojets(tagger, pseudojets);
    std::printf("  jet  particles  outputs\n");
    double largest = 0.0;
    for (std::size_t jet = 0; jet < branches.size(); ++jet) {
        const std::vector<double> outputs = from_branches(tagger, branches[jet]);
        std::printf("%5zu  %9zu", jet, branches[jet].pt.size());
        for (std::size_t output = 0; output < classes; ++output) {
            std::printf("  %.4f", outputs[output]);
            largest = std::max(largest, std::abs(outputs[output] - all[jet * classes + output]));
        }
        std::printf("\n");
    }
    std::printf("float columns and objects of double differ by at most %.1e\n", largest);

    if (!branches.empty() && !branches.front().pt.empty()) {
        Branches bad = branches.front();
        bad.pt.back() = std::numeric_limits<float>::quiet_NaN();
        try {
            static_cast<void>(from_branches(tagger, bad));
        } catch (const hepml::error& error) {
            std::printf("a bad jet: %s (%s)\n", error.what(), hepml::name(error.status()));
        }
    }
    finish_standard_output();
} catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
}
