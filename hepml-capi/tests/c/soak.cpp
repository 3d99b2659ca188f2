// Four threads call for long, make and free handles all the while and make mistakes among it: memory must not grow, results must not change.
// soak FOLDER EMD_CALLS MODEL_CALLS
#include "check.h"

#include <atomic>
#include <cinttypes>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr int THREADS = 4;
constexpr int STATIONS = 10;
constexpr std::size_t PARTICLES = 50;
constexpr std::size_t JETS = 32;
// After the first stations every thread has its buffers, and the allocator its arenas. What is left is the allocator's spread;
// a leak of one handle or one event a call would be hundreds of MB in a full run.
constexpr int WARM_UP = 3;
constexpr double MOST_GROWTH_MB = 4.0;

struct Jet {
    std::vector<double> pt, y, phi;
    hepml_particles view() const {
        return {pt.data(), y.data(), phi.data(), 1, pt.size()};
    }
};

std::vector<Jet> jets() {
    random_numbers numbers = {1};
    std::vector<Jet> made(JETS);
    for (Jet &jet : made) {
        for (std::size_t i = 0; i < PARTICLES; i++) {
            jet.pt.push_back(1.0 + 9.0 * random_number(&numbers));
            jet.y.push_back(random_number(&numbers) - 0.5);
            jet.phi.push_back(random_number(&numbers) - 0.5);
        }
    }
    return made;
}

const std::vector<double> MASSES(JETS *PARTICLES, 0.0);

// `count` jets one behind the other, from the first.
hepml_sets *sets(const std::vector<Jet> &jets, std::size_t first, std::size_t count) {
    std::vector<double> pt, y, phi;
    std::vector<std::size_t> offsets = {0};
    for (std::size_t i = 0; i < count; i++) {
        const Jet &jet = jets[(first + i) % JETS];
        pt.insert(pt.end(), jet.pt.begin(), jet.pt.end());
        y.insert(y.end(), jet.y.begin(), jet.y.end());
        phi.insert(phi.end(), jet.phi.begin(), jet.phi.end());
        offsets.push_back(pt.size());
    }
    const hepml_momenta momenta = {{pt.data(), y.data(), phi.data(), MASSES.data()}, 1, pt.size(), HEPML_COORDINATES_PT_Y_PHI_M};
    hepml_sets *made = nullptr;
    OK(hepml_sets_new(&momenta, offsets.data(), count, nullptr, nullptr, 0, &made));
    return made;
}

std::vector<std::uint8_t> bytes(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Expected {
    std::vector<double> emd;                     // of jet i and i + 1
    std::vector<double> pfn;                     // two outputs a jet
    std::vector<double> trees;                   // of the rows of `table`
    std::vector<double> table;                   // two columns
};

Expected expected(const std::vector<Jet> &jets, const std::string &folder) {
    Expected made;
    hepml_divergence *emd = nullptr;
    OK(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
    for (std::size_t i = 0; i < JETS; i++) {
        const hepml_particles a = jets[i].view(), b = jets[(i + 1) % JETS].view();
        made.emd.push_back(0.0);
        OK(hepml_divergence_value(emd, &a, &b, &made.emd.back()));
    }
    OK(hepml_divergence_free(&emd));

    hepml_model *model = nullptr;
    hepml_sets *all = sets(jets, 0, JETS);
    made.pfn.resize(2 * JETS);
    OK(hepml_model_load((folder + "/pfn.model").c_str(), &model));
    OK(hepml_model_evaluate_sets(model, all, 1, made.pfn.data(), made.pfn.size()));
    OK(hepml_sets_free(&all));
    OK(hepml_model_free(&model));

    random_numbers numbers = {2};
    for (std::size_t i = 0; i < 2 * JETS; i++) {
        made.table.push_back(2.0 * random_number(&numbers) - 1.0);
    }
    hepml_table *table = nullptr;
    made.trees.resize(JETS);
    OK(hepml_model_load((folder + "/trees.model").c_str(), &model));
    OK(hepml_table_from_rows(made.table.data(), JETS, 2, &table));
    OK(hepml_model_evaluate_table(model, table, 1, made.trees.data(), JETS));
    OK(hepml_table_free(&table));
    OK(hepml_model_free(&model));
    return made;
}

// What goes wrong in a user's program, now and then.
void mistakes(const Jet &jet) {
    hepml_divergence *emd = nullptr, *copy = nullptr;
    double value = 0.0;
    OK(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
    copy = emd;
    hepml_particles bad = jet.view();
    bad.pt = nullptr;
    CHECK(hepml_divergence_value(emd, &bad, &bad, &value) == HEPML_STATUS_NULL_POINTER);
    Jet broken = jet;
    broken.y[7] = std::nan("");
    bad = broken.view();
    CHECK(hepml_divergence_value(emd, &bad, &bad, &value) == HEPML_STATUS_NOT_FINITE);
    OK(hepml_divergence_free(&emd));
    CHECK(hepml_divergence_value(copy, &bad, &bad, &value) == HEPML_STATUS_INVALID_HANDLE);
    CHECK(hepml_divergence_free(&copy) == HEPML_STATUS_INVALID_HANDLE);
    CHECK(hepml_self_test_panic("in the soak") == HEPML_STATUS_PANIC);
    hepml_model *model = nullptr;
    CHECK(hepml_model_load("/nowhere/at all", &model) == HEPML_STATUS_IO);
    CHECK(hepml_model_from_bytes(reinterpret_cast<const std::uint8_t *>("no model"), 8, &model) == HEPML_STATUS_INVALID_MODEL);
}

// One thread's share of a station.
void work(std::size_t thread, std::size_t emd_calls, std::size_t model_calls, const std::vector<Jet> &jets, const Expected &expected,
          const std::vector<std::uint8_t> &pfn_bytes, const std::vector<std::uint8_t> &trees_bytes) {
    hepml_divergence *emd = nullptr;
    hepml_flows *flows = nullptr;
    for (std::size_t call = 0; call < emd_calls; call++) {
        if (call % 100 == 0) {
            OK(hepml_divergence_free(&emd));
            OK(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
        }
        const std::size_t which = (call + thread * 7) % JETS;
        const hepml_particles a = jets[which].view(), b = jets[(which + 1) % JETS].view();
        double value = -1.0;
        OK(hepml_divergence_value(emd, &a, &b, &value));
        CHECK(value == expected.emd[which]);
        if (call % 1000 == 0) {
            const std::size_t offsets[2] = {0, PARTICLES};
            OK(hepml_flows_new(&a, offsets, 1, &flows));
            OK(hepml_flows_free(&flows));
            hepml_transport *transport = nullptr;
            OK(hepml_divergence_solve(emd, &a, &b, &transport));
            OK(hepml_transport_free(&transport));
            mistakes(jets[which]);
        }
    }
    OK(hepml_divergence_free(&emd));

    hepml_model *pfn = nullptr, *trees = nullptr;
    const std::size_t batches[4] = {1, 1, 2, 5};
    for (std::size_t call = 0; call < model_calls; call++) {
        if (call % 200 == 0) {
            OK(hepml_model_free(&pfn));
            OK(hepml_model_free(&trees));
            OK(hepml_model_from_bytes(pfn_bytes.data(), pfn_bytes.size(), &pfn));
            OK(hepml_model_from_bytes(trees_bytes.data(), trees_bytes.size(), &trees));
        }
        const std::size_t first = (call + thread) % JETS, count = batches[call % 4];
        double values[10];
        if (call % 5 == 4) {
            hepml_table *table = nullptr;
            OK(hepml_table_from_rows(expected.table.data(), JETS, 2, &table));
            std::vector<double> outputs(JETS);
            OK(hepml_model_evaluate_table(trees, table, 1, outputs.data(), JETS));
            CHECK(outputs == expected.trees);
            CHECK(hepml_model_evaluate_table(pfn, table, 1, outputs.data(), JETS) == HEPML_STATUS_WRONG_INPUT);
            OK(hepml_table_free(&table));
        } else {
            hepml_sets *some = sets(jets, first, count);
            OK(hepml_model_evaluate_sets(pfn, some, 1 + (call % 50 == 0), values, 2 * count));
            for (std::size_t i = 0; i < count; i++) {
                const std::size_t jet = (first + i) % JETS;
                CHECK(values[2 * i] == expected.pfn[2 * jet] && values[2 * i + 1] == expected.pfn[2 * jet + 1]);
            }
            OK(hepml_sets_free(&some));
        }
    }
    OK(hepml_model_free(&pfn));
    OK(hepml_model_free(&trees));
}

// Resident memory in MB; 0 where there is no such file.
double resident() {
    std::ifstream file("/proc/self/statm");
    long size = 0, pages = 0;
    return file >> size >> pages ? static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6 : 0.0;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: %s FOLDER EMD_CALLS MODEL_CALLS\n", argv[0]);
        return 2;
    }
    const std::string folder = argv[1];
    const std::size_t emd_calls = std::stoul(argv[2]), model_calls = std::stoul(argv[3]);
    const std::size_t share = static_cast<std::size_t>(THREADS) * STATIONS;
    const std::vector<Jet> some = jets();
    const Expected results = expected(some, folder);
    const auto pfn_bytes = bytes(folder + "/pfn.model"), trees_bytes = bytes(folder + "/trees.model");
    double warm = 0.0, most = 0.0;
    for (int station = 1; station <= STATIONS; station++) {
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < THREADS; thread++) {
            threads.emplace_back(work, thread, emd_calls / share, model_calls / share, std::cref(some), std::cref(results),
                                 std::cref(pfn_bytes), std::cref(trees_bytes));
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        const double now = resident();
        std::size_t handles = 1;
        OK(hepml_handles_count(&handles));
        CHECK(handles == 0);
        std::printf("%9zu EMDs, %8zu evaluations: %7.2f MB resident\n", emd_calls / STATIONS * static_cast<std::size_t>(station),
                    model_calls / STATIONS * static_cast<std::size_t>(station), now);
        if (station == WARM_UP) {
            warm = now;
        }
        most = station >= WARM_UP && now > most ? now : most;
    }
    if (warm == 0.0) {
        std::puts("skipped: the memory, which this platform does not tell");
    }
    std::printf("growth after station %d: %.2f MB, allowed %.0f MB\n", WARM_UP, most - warm, MOST_GROWTH_MB);
    CHECK(most - warm <= MOST_GROWTH_MB);
    return failures == 0 ? 0 : 1;
}
