// Times calls through the shared library, one round for each line that it reads, for tests/overhead.rs to compare with calls from Rust.
// overhead JETS_FILE MODEL: the file holds the number of jets, then of each its number of particles and all pt, y, phi, as doubles.
// "emd N": N EMDs of jets i and i + 1; "pfn": the model on all jets. Answers are seconds and the sum of the results.
#include <hepml.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Jet {
    std::vector<double> pt, y, phi;
};

void ok(hepml_status status) {
    if (status != HEPML_STATUS_OK) {
        std::fprintf(stderr, "%s: %s\n", hepml_status_name(status), hepml_last_error_message());
        std::exit(1);
    }
}

std::vector<double> numbers(std::ifstream &file, std::size_t count) {
    std::vector<double> read(count);
    file.read(reinterpret_cast<char *>(read.data()), static_cast<std::streamsize>(count * sizeof(double)));
    return read;
}

std::vector<Jet> jets(const char *path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<Jet> read(static_cast<std::size_t>(numbers(file, 1)[0]));
    for (Jet &jet : read) {
        const auto count = static_cast<std::size_t>(numbers(file, 1)[0]);
        jet.pt = numbers(file, count);
        jet.y = numbers(file, count);
        jet.phi = numbers(file, count);
    }
    return read;
}

hepml_sets *sets(const std::vector<Jet> &jets) {
    std::vector<double> pt, y, phi;
    std::vector<std::size_t> offsets = {0};
    for (const Jet &jet : jets) {
        pt.insert(pt.end(), jet.pt.begin(), jet.pt.end());
        y.insert(y.end(), jet.y.begin(), jet.y.end());
        phi.insert(phi.end(), jet.phi.begin(), jet.phi.end());
        offsets.push_back(pt.size());
    }
    const std::vector<double> mass(pt.size(), 0.0);
    const hepml_momenta momenta = {{pt.data(), y.data(), phi.data(), mass.data()}, 1, pt.size(), HEPML_COORDINATES_PT_Y_PHI_M};
    hepml_sets *made = nullptr;
    ok(hepml_sets_new(&momenta, offsets.data(), jets.size(), nullptr, nullptr, 0, &made));
    return made;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    const std::vector<Jet> events = jets(argv[1]);
    hepml_divergence *emd = nullptr;
    ok(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
    hepml_model *model = nullptr;
    ok(hepml_model_load(argv[2], &model));
    hepml_model_info info;
    ok(hepml_model_describe(model, &info));
    hepml_sets *batch = sets(events);
    std::vector<double> values(events.size() * info.outputs);

    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        const std::string what = line;
        double sum = 0.0;
        const auto start = std::chrono::steady_clock::now();
        if (what.rfind("emd ", 0) == 0) {
            const std::size_t calls = std::stoul(what.substr(4));
            for (std::size_t call = 0; call < calls; call++) {
                const Jet &one = events[call % events.size()], &other = events[(call + 1) % events.size()];
                const hepml_particles a = {one.pt.data(), one.y.data(), one.phi.data(), 1, one.pt.size()};
                const hepml_particles b = {other.pt.data(), other.y.data(), other.phi.data(), 1, other.pt.size()};
                double value = 0.0;
                ok(hepml_divergence_value(emd, &a, &b, &value));
                sum += value;
            }
        } else {
            ok(hepml_model_evaluate_sets(model, batch, 1, values.data(), values.size()));
        }
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        for (const double value : values) {
            sum += what.rfind("emd ", 0) == 0 ? 0.0 : value;
        }
        std::printf("%.17g %.17g\n", seconds.count(), sum);
        std::fflush(stdout);
    }
    ok(hepml_sets_free(&batch));
    ok(hepml_model_free(&model));
    ok(hepml_divergence_free(&emd));
    return 0;
}
