// hepml.hpp as its users meet it. It exits with 1 at the first expectation that does not hold. The argument is a folder to write to; a second
// one leaves out what runs out of memory, since under AddressSanitizer and Valgrind std::bad_alloc is not thrown.
#include "hepml.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <thread>
#if __cplusplus >= 202002L
#include <span>
#endif

std::size_t pairs_of(const hepml::flows& events);

#define EXPECT(condition) expect((condition), #condition, __LINE__)

static void expect(bool condition, const char* text, int line) {
    if (!condition) {
        std::fprintf(stderr, "line %d: %s does not hold\n", line, text);
        std::exit(1);
    }
}

/// Whether the call throws an hepml::error of this status whose message has this text.
template <class Call>
static bool throws(hepml::status status, const std::string& text, const Call& call) {
    try {
        static_cast<void>(call());
    } catch (const hepml::error& error) {
        if (error.status() == status && std::string(error.what()).find(text) != std::string::npos) {
            return true;
        }
        std::fprintf(stderr, "it throws %s: %s\n", hepml::name(error.status()), error.what());
        return false;
    }
    std::fprintf(stderr, "it does not throw\n");
    return false;
}

static std::size_t handles() {
    std::size_t count = 0;
    EXPECT(hepml_handles_count(&count) == HEPML_STATUS_OK);
    return count;
}

/// A few roundings of numbers of order 1 to 100.
static bool close(double a, double b) { return std::abs(a - b) <= 1e-12 * (1.0 + std::abs(b)); }

struct PseudoJet {
    double px, py, pz, e;
    int id;
};
struct Jet {
    double pt, y, phi, m;
};

using Row = std::array<double, 3>;
using Event = std::vector<Row>;

static const auto as_row = [](const Row& row) { return row; };

/// Events of 1, 2, ... particles.
static std::vector<Event> some_events(std::size_t count) {
    std::vector<Event> events(count);
    for (std::size_t event = 0; event < count; ++event) {
        for (std::size_t particle = 0; particle <= event; ++particle) {
            const double x = static_cast<double>(7 * event + 3 * particle);
            events[event].push_back({10.0 + std::fmod(x, 5.0), std::sin(x), std::cos(2.0 * x)});
        }
    }
    return events;
}

static_assert(std::is_nothrow_move_constructible_v<hepml::model> && std::is_nothrow_move_assignable_v<hepml::model>);
static_assert(!std::is_copy_constructible_v<hepml::emd> && !std::is_copy_assignable_v<hepml::emd>);
static_assert(std::is_nothrow_move_constructible_v<hepml::emd> && std::is_nothrow_move_assignable_v<hepml::emd>);
static_assert(!std::is_constructible_v<hepml::span<double>, std::vector<double>>, "it would be written to and lost");
static_assert(!std::is_constructible_v<hepml::span<double>, const std::vector<double>&>);
static_assert(!std::is_constructible_v<hepml::span<const double>, const std::vector<float>&>);
static_assert(std::is_convertible_v<std::vector<double>, hepml::span<const double>>);
static_assert(std::is_convertible_v<std::array<double, 3>&, hepml::span<double>>);
static_assert(std::is_base_of_v<std::runtime_error, hepml::error>);

static_assert(std::is_convertible_v<const hepml::particle_columns&, hepml::particles>);
static_assert(std::is_convertible_v<hepml::momentum_columns&, hepml::momenta>);
static_assert(!std::is_convertible_v<hepml::particle_columns, hepml::particles>, "the view would outlive the numbers");
static_assert(!std::is_convertible_v<const hepml::particle_columns, hepml::particles>);
static_assert(!std::is_convertible_v<hepml::momentum_columns, hepml::momenta>);
static_assert(!std::is_convertible_v<const hepml::momentum_columns, hepml::momenta>);

static_assert(std::is_convertible_v<const hepml::table&, hepml::sample>);
static_assert(std::is_constructible_v<hepml::sample, hepml::table&, std::vector<float>>);
static_assert(!std::is_convertible_v<hepml::table, hepml::sample>, "it would refer to a table that is gone");
static_assert(!std::is_constructible_v<hepml::sample, hepml::table, std::vector<double>>);
static_assert(!std::is_constructible_v<hepml::sample, const hepml::table, const std::vector<float>&>);
static_assert(!std::is_constructible_v<hepml::feature, const char*, std::vector<std::string>>);

static_assert(!std::is_move_assignable_v<hepml::divergence> && !std::is_move_constructible_v<hepml::divergence>,
              "an emd could become a spectral_emd");
static_assert(std::is_nothrow_move_constructible_v<hepml::spectral_emd> && std::is_nothrow_move_assignable_v<hepml::spectral_emd>);
static_assert(!std::is_assignable_v<hepml::emd&, hepml::spectral_emd>);

/// A user's namespace with functions that are named as hepml's own are, and take anything.
namespace framework {
struct real {
    double value;
    explicit operator double() const { return value; }
};
template <class T>
std::vector<double> numbers(const T&) = delete;
template <class T>
std::vector<double> copy(const T&) = delete;
template <class... T>
void require_size(const T&...) = delete;
}  // namespace framework

static void spans_and_views() {
    double array[] = {1.0, 2.0, 3.0};
    const std::vector<double> vector{1.0, 2.0};
    EXPECT(hepml::span<double>(array).size() == 3);
    EXPECT(hepml::span<const double>(array).size() == 3);
    EXPECT(hepml::span<const double>(vector).data() == vector.data());
    EXPECT(hepml::span<const double>(hepml::span<double>(array)).data() == array);
    EXPECT(hepml::span<const double>(array, 2).end() == array + 2);
    EXPECT(hepml::span<const double>().empty());
#if __cplusplus >= 202002L
    EXPECT(hepml::span<const double>(std::span<const double>(array)).size() == 3);
#endif

    // One event in every form gives one number.
    const double rows[][3] = {{50.0, 0.0, 0.0}, {30.0, 0.3, 0.1}};
    const double other[][3] = {{80.0, 0.1, 0.0}};
    const double expected = 50.0 * 0.1 + 30.0 * std::hypot(0.2, 0.1);
    const hepml::emd emd;
    const auto is_it = [&](const hepml::particles& event) { return close(emd.value(event, other), expected); };
    const std::vector<Row> vector_of_rows{{50.0, 0.0, 0.0}, {30.0, 0.3, 0.1}};
    const std::vector<double> flat{50.0, 0.0, 0.0, 30.0, 0.3, 0.1};
    const std::vector<double> pt{50.0, 30.0}, y{0.0, 0.3}, phi{0.0, 0.1};
    const std::list<std::tuple<int, double, float>> list{{50, 0.0, 0.0F}, {30, 0.3, 0.1F}};
    const std::vector<Jet> structs{{50.0, 0.0, 0.0, 1.0}, {30.0, 0.3, 0.1, 2.0}};
    EXPECT(is_it(rows));
    EXPECT(is_it(vector_of_rows));
    EXPECT(is_it(hepml::particles::rows(flat)));
    EXPECT(is_it(hepml::particles::columns(pt, y, phi)));
    EXPECT(is_it(hepml::particles::strided(flat.data(), flat.data() + 1, flat.data() + 2, 3, 2)));
    EXPECT(is_it(hepml::particles::members(structs, &Jet::pt, &Jet::y, &Jet::phi)));
    const auto copied = hepml::particles::of(structs, [](const Jet& jet) { return std::array{jet.pt, jet.y, jet.phi}; });
    EXPECT(is_it(copied));
    const auto copied_columns = hepml::particles::of(pt, y, std::deque<double>{0.0, 0.1});
    EXPECT(is_it(copied_columns));
    using framework::real;
    const std::vector<std::array<real, 3>> reals{{{{50.0}, {0.0}, {0.0}}}, {{{30.0}, {0.3}, {0.1}}}};
    const auto of_reals = hepml::particles::of(reals, [](const std::array<real, 3>& row) { return row; });
    EXPECT(is_it(of_reals));
    const std::vector<real> real_pt{{50.0}, {30.0}};
    const auto real_columns = hepml::particles::of(real_pt, y, phi);
    EXPECT(is_it(real_columns));
    EXPECT(hepml::table::of(reals, [](const std::array<real, 3>& row) { return row; }).columns() == 3);
    const auto floats = hepml::particles::of(list, [](const auto& particle) { return particle; });
    EXPECT(floats.pt()[1] == 30.0 && floats.phi()[1] == static_cast<double>(0.1F));
    EXPECT(std::abs(emd.value(floats, other) - expected) < 1e-6);

    EXPECT(emd.value({}, other) == 80.0);
    EXPECT(emd.value(std::vector<Row>(), hepml::particles::rows(std::vector<double>())) == 0.0);
    EXPECT(throws(hepml::status::shape, "azimuths: expected 2, got 1", [&] { return hepml::particles::columns(pt, y, {y.data(), 1}); }));
    EXPECT(throws(hepml::status::shape, "5 numbers", [&] { return hepml::particles::rows(std::vector<double>(5)); }));
    EXPECT(throws(hepml::status::shape, "expected 2, got 1", [&] { return hepml::particles::of(pt, y, std::vector<int>{0}); }));
    double bad[][3] = {{50.0, 0.0, 0.0}, {std::nan(""), 0.3, 0.1}};
    EXPECT(throws(hepml::status::not_finite, "particle 1", [&] { return emd.value(other, bad); }));
    bad[1][0] = -1.0;
    EXPECT(throws(hepml::status::out_of_range, "particle 1 is -1", [&] { return emd.value(bad, other); }));
}

static void four_momenta() {
    const std::vector<PseudoJet> jets{{3.0, 4.0, 0.0, 13.0, 211}, {1.0, 0.0, 2.0, 5.0, 22}};
    const auto copied = hepml::momenta::of(hepml::coordinates::px_py_pz_e, jets,
                                           [](const PseudoJet& jet) { return std::array{jet.px, jet.py, jet.pz, jet.e}; });
    const auto converted = hepml::convert(copied, hepml::coordinates::pt_y_phi_m);
    EXPECT(converted.coordinates() == hepml::coordinates::pt_y_phi_m && converted.size() == 2);
    EXPECT(close(converted.column(0)[0], 5.0) && close(converted.column(3)[0], 12.0));
    const auto back = hepml::convert(converted, hepml::coordinates::px_py_pz_e);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT(close(back.column(0)[i], jets[i].px) && close(back.column(3)[i], jets[i].e));
    }
    EXPECT(throws(hepml::status::out_of_range, "column 4", [&] { return back.column(4); }));
    EXPECT(hepml::convert(hepml::momenta::rows(hepml::coordinates::px_py_pz_e, std::vector<double>()), hepml::coordinates::pt_y_phi_m).size() == 0);

    // A pencil along an axis; its two halves as rows and as members of structs.
    const double pencil[][4] = {{0.0, 0.0, 2.0, 2.0}, {0.0, 0.0, -2.0, 2.0}};
    EXPECT(close(hepml::thrust(hepml::momenta::rows(hepml::coordinates::px_py_pz_e, pencil)).thrust, 1.0));
    const std::vector<Jet> back_to_back{{2.0, 0.0, 0.0, 0.0}, {2.0, 0.0, 3.14159265358979323846, 0.0}};
    const auto view = hepml::momenta::members(hepml::coordinates::pt_y_phi_m, back_to_back, &Jet::pt, &Jet::y, &Jet::phi, &Jet::m);
    const hepml::thrust_axis thrust = hepml::thrust(view, true);
    EXPECT(close(thrust.thrust, 1.0) && close(std::abs(thrust.axis[0]), 1.0) && close(thrust.total, 4.0));
    EXPECT(std::abs(hepml::spherocity(view).spherocity) < 1e-12);
    const hepml::isotropy ring = hepml::isotropy::ring(16);
    EXPECT(ring.value(view) > 0.5 && ring.value(view) <= 1.0);
    EXPECT(hepml::isotropy::cylinder(16, 2.0).value(view) > 0.0);
    EXPECT(hepml::isotropy::sphere(2, hepml::isotropy_cost::linear).value(view) > 0.0);
    EXPECT(throws(hepml::status::out_of_range, "", [] { return hepml::isotropy::ring(0); }));
}

static void moved_from() {
    const double event[][3] = {{1.0, 0.0, 0.0}};
    hepml::emd emd;
    const std::size_t before = handles();
    hepml::emd moved = std::move(emd);
    EXPECT(handles() == before);
    EXPECT(moved.value(event, event) == 0.0);
    EXPECT(throws(hepml::status::invalid_handle, "moved from", [&] { return emd.value(event, event); }));
    emd = hepml::emd();
    EXPECT(emd.value(event, {}) == 1.0);
    moved = hepml::emd();
    EXPECT(handles() == before + 1);
    hepml::emd& self = moved;
    moved = std::move(self);
    EXPECT(moved.value(event, event) == 0.0);
    // Through the base, too.
    {
        const std::unique_ptr<hepml::divergence> owner = std::make_unique<hepml::emd>();
        EXPECT(owner->exponent() == 1.0);
    }
    EXPECT(handles() == before + 1);

    const double numbers[] = {1.0, 2.0};
    hepml::table table(numbers, 1, 2);
    const hepml::table other = std::move(table);
    EXPECT(other.columns() == 2);
    EXPECT(throws(hepml::status::invalid_handle, "hepml::table", [&] { return table.rows(); }));

    hepml::transport plan = emd.solve(event, {});
    const hepml::transport taken = std::move(plan);
    EXPECT(taken.value() == 1.0);
    const char* const what = "hepml::transport is used after it was moved from";
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.value(); }));
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.gap(); }));
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.pivots(); }));
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.flows(); }));
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.created(); }));
    EXPECT(throws(hepml::status::invalid_handle, what, [&] { return plan.sink_potentials(); }));
}

static void pairs() {
    const std::vector<Event> events = some_events(12);
    const hepml::flows flows = hepml::flows::of(events, as_row);
    EXPECT(flows.event_count() == 12 && flows.particle_count() == 78);
    EXPECT(pairs_of(flows) == 66);
    const hepml::emd emd;
    const hepml::pairwise_values all = emd.pairwise(flows, 2);
    EXPECT(all.complete() && all.done() == 66 && all.event_count() == 12);
    const std::vector<double> matrix = all.matrix();
    for (std::size_t i = 0; i < 12; ++i) {
        for (std::size_t j = 0; j < 12; ++j) {
            EXPECT(all(i, j) == matrix[12 * i + j] && all(i, j) == all(j, i));
            EXPECT(i == j ? all(i, j) == 0.0 : close(all(i, j), emd.value(events[i], events[j])));
        }
    }
    EXPECT(throws(hepml::status::out_of_range, "there are 12", [&] { return all(0, 12); }));

    const hepml::flows others = hepml::flows::of(std::vector<Event>(events.begin(), events.begin() + 3), as_row);
    const hepml::cross_values cross = emd.cross(others, flows, 2);
    EXPECT(cross.rows() == 3 && cross.columns() == 12 && cross.complete());
    EXPECT(close(cross(1, 5), all(1, 5)) && cross(2, 2) == 0.0);
    EXPECT(throws(hepml::status::out_of_range, "row 3", [&] { return cross(3, 0); }));

    // Stopped: what was done is there, and is right.
    int calls = 0;
    const hepml::pairwise_values some = emd.pairwise(flows, 1, [&](const hepml::progress& now) {
        EXPECT(now.step() <= now.total() && !now.stage().empty());
        return ++calls < 2;
    });
    EXPECT(calls == 2 && !some.complete() && some.done() < 66 && some.pair_count() == 66);
    for (std::size_t i = 0; i < some.done(); ++i) {
        EXPECT(some.values()[i] == all.values()[i]);
    }
    EXPECT(throws(hepml::status::stopped, "pairs were done", [&] { return some.matrix(); }));
    EXPECT(throws(hepml::status::stopped, "not done", [&] { return some(10, 11); }));
    const auto stop = [](const hepml::progress&) { return false; };
    EXPECT(!emd.cross(flows, flows, 2, stop).complete());

    // A callback that returns nothing, one that is a std::function, one that calls the library, one that throws.
    std::uint64_t steps = 0;
    EXPECT(emd.pairwise(flows, 1, [&](const hepml::progress& now) { steps = now.step(); }).complete() && steps > 0);
    const std::function<bool(const hepml::progress&)> inside = [&](const hepml::progress&) {
        // A failure inside leaves the call around it alone.
        return emd.pairwise(others).complete() && throws(hepml::status::shape, "offsets", [] { return hepml::flows(hepml::particles(), {}); });
    };
    EXPECT(emd.cross(others, flows, 1, inside).complete());
    for (const std::size_t threads : {std::size_t{1}, std::size_t{3}}) {
        bool caught = false;
        try {
            static_cast<void>(emd.pairwise(flows, threads, [](const hepml::progress&) -> bool { throw std::out_of_range("mine"); }));
        } catch (const std::out_of_range& error) {
            caught = std::string(error.what()) == "mine";
        }
        EXPECT(caught);
    }
    EXPECT(throws(hepml::status::out_of_range, "threads", [&] { return emd.pairwise(flows, 1000000); }));
    // What holds no function is no callback.
    std::function<bool(const hepml::progress&)> nobody;
    EXPECT(emd.pairwise(flows, 1, nobody).complete() && emd.pairwise(flows, 1, std::as_const(nobody)).complete());
    bool (*no_function)(const hepml::progress&) = nullptr;
    EXPECT(emd.pairwise(flows, 1, no_function).complete());
    no_function = +stop;
    EXPECT(!emd.pairwise(flows, 1, no_function).complete());

    EXPECT(emd.pairwise(hepml::flows::of(std::vector<Event>(), as_row)).complete());
    const std::vector<std::size_t> decreasing{0, 2, 1}, none;
    const std::vector<Row> two{{1.0, 0.0, 0.0}, {1.0, 0.0, 0.0}};
    EXPECT(throws(hepml::status::shape, "offsets", [&] { return hepml::flows(two, decreasing); }));
    EXPECT(throws(hepml::status::shape, "offsets", [&] { return hepml::flows(two, none); }));
    std::vector<Event> spoilt = events;
    spoilt[4][2][1] = std::numeric_limits<double>::infinity();
    EXPECT(throws(hepml::status::not_finite, "event 4, particle 2", [&] { return hepml::flows::of(spoilt, as_row); }));
}

/// A list of events without particles is small; that of its pairs is larger than what a process can address, 144 TB.
static void exhaustion() {
    const hepml::emd emd;
    const hepml::flows many(hepml::particles(), std::vector<std::size_t>(6000001, 0));
    EXPECT(throws(hepml::status::out_of_memory, "pairs of events: there is no memory for 17999997000000 numbers", [&] { return emd.pairwise(many); }));
    EXPECT(throws(hepml::status::out_of_memory, "pairs of events", [&] { return emd.cross(many, many); }));
}

static void plans() {
    const std::vector<Row> a{{50.0, 0.0, 0.0}, {30.0, 0.3, 0.1}}, b{{70.0, 0.1, 0.0}};
    hepml::emd_options options;
    options.radius = 0.5;
    const hepml::emd emd(options);
    const hepml::transport plan = emd.solve(a, b);
    EXPECT(close(plan.value(), emd.value(a, b)));
    EXPECT(plan.gap() >= 0.0 && plan.gap() < 1e-10);
    double cost = 0.0, moved = 0.0;
    for (const hepml::transport_flow& flow : plan.flows()) {
        cost += flow.amount * std::hypot(a.at(flow.from)[1] - b.at(flow.to)[1], a[flow.from][2] - b[flow.to][2]) / 0.5;
        moved += flow.amount;
    }
    const std::vector<double> removed = plan.removed(), created = plan.created();
    EXPECT(close(moved, 70.0) && close(removed.at(0) + removed.at(1), 10.0) && created.size() == 1 && created[0] == 0.0);
    EXPECT(close(cost + 10.0, plan.value()));
    EXPECT(plan.source_potentials().size() == 2 && plan.sink_potentials().size() == 1);
    options.beta = -1.0;
    EXPECT(throws(hepml::status::out_of_range, "beta", [&] { return hepml::emd(options); }));
    hepml::spectral_emd_options spectral;
    spectral.omega_max = 4.0;
    EXPECT(hepml::spectral_emd(spectral).value(a, a) == 0.0);
}

static void shapes() {
    const std::vector<Row> jet{{50.0, 0.5, 0.0}, {30.0, -0.5, 0.1}, {10.0, -0.52, 0.1}};
    const hepml::n_subjettiness tau;
    const hepml::subjets two = tau.axes(2, jet);
    EXPECT(two.converged && two.axes.size() == 2 && close(two.tau, tau.tau(2, jet)));
    EXPECT(two.assignment[0] != two.assignment[1] && two.assignment[1] == two.assignment[2]);
    EXPECT(close(tau.ratio(2, 1, jet), tau.tau(2, jet) / tau.tau(1, jet)));
    EXPECT(std::abs(tau.tau(3, jet)) < 1e-12);
    // More axes than particles cost neither memory nor time.
    const hepml::subjets most = tau.axes(std::numeric_limits<std::size_t>::max(), jet);
    EXPECT(most.tau == 0.0 && most.axes.size() == 3);
    EXPECT(throws(hepml::status::out_of_range, "axes", [&] { return tau.axes(0, jet); }));

    hepml::manifold_options options;
    options.with_centre = true;
    const hepml::manifold ring(hepml::manifold_kind::ring, 12, options);
    const hepml::manifold_fit fit = ring.nearest(jet);
    EXPECT(fit.parameters.size() == ring.parameter_names().size() && fit.value >= 0.0 && fit.agreeing <= fit.starts);
    for (const std::string& name : ring.parameter_names()) {
        EXPECT(!name.empty() && name.find('\0') == std::string::npos);
    }
}

static void sets_of_particles() {
    const std::vector<std::vector<PseudoJet>> events{{{3.0, 4.0, 0.0, 5.0, 211}, {1.0, 0.0, 2.0, 5.0, 22}}, {}, {{1.0, 1.0, 1.0, 2.0, -211}}};
    const auto all = [](const PseudoJet& p) { return std::make_tuple(p.px, p.py, p.pz, p.e, p.id); };
    const hepml::sets sets = hepml::sets::of(hepml::coordinates::px_py_pz_e, events, all, {"pdg_id"});
    EXPECT(sets.event_count() == 3 && sets.particle_count() == 3);
    EXPECT(hepml::flows(sets, true).event_count() == 3);
    EXPECT(throws(hepml::status::shape, "features", [&] { return hepml::sets::of(hepml::coordinates::px_py_pz_e, events, all); }));

    const auto momenta = hepml::momenta::of(hepml::coordinates::px_py_pz_e, events[0],
                                            [](const PseudoJet& p) { return std::array{p.px, p.py, p.pz, p.e}; });
    const std::vector<std::size_t> offsets{0, 2};
    const std::vector<double> charge{1.0, 0.0}, three(3);
    EXPECT(hepml::sets(momenta, offsets, {{"charge", charge}}).event_count() == 1);
    EXPECT(throws(hepml::status::shape, "charge: expected 2, got 3", [&] { return hepml::sets(momenta, offsets, {{"charge", three}}); }));
    EXPECT(throws(hepml::status::out_of_range, "NUL", [&] { return hepml::sets(momenta, offsets, {{std::string("a\0b", 3), charge}}); }));
    // Features are copies: nothing of the range has to last.
    std::vector<hepml::feature> features;
    features.push_back({"charge", std::vector<double>{1.0, -1.0}});
    features.push_back({"id", std::list<int>{211, 22}});
    features.push_back({"tight", std::vector<bool>{true, false}});
    features.push_back({"view", hepml::span<const double>(charge)});
    features.push_back({"listed", {0.5, 1.5}});
    const int ids[] = {3, 4};
    features.push_back({"array", ids});
    EXPECT(features[0].values[1] == -1.0 && features[1].values[0] == 211.0 && features[2].values[0] == 1.0);
    EXPECT(features[3].values == charge && features[4].values[1] == 1.5 && features[5].values[1] == 4.0);
    EXPECT(hepml::sets(momenta, offsets, features).event_count() == 1);
    EXPECT(throws(hepml::status::invalid_utf8, "", [&] { return hepml::sets(momenta, offsets, {{"\xff", charge}}); }));
}

static void ratios(const std::string& folder) {
    // Two lines of points with different densities: x of the numerator falls, x of the denominator is uniform.
    std::vector<Row> up, flat;
    for (int i = 0; i < 600; ++i) {
        const double u = (i + 0.5) / 600.0;
        flat.push_back({u, std::sin(37.0 * u), 1.0});
        up.push_back({u, std::sin(41.0 * u), 2.0 * (1.0 - u)});
    }
    const auto columns = [](const Row& row) { return std::array{row[0], row[1]}; };
    const hepml::table numerator = hepml::table::of(up, columns), denominator = hepml::table::of(flat, columns);
    std::vector<double> weights;
    for (const Row& row : up) {
        weights.push_back(row[2]);
    }
    EXPECT(hepml::default_options(hepml::learner::trees).front() == '{');
    EXPECT(hepml::default_options(hepml::learner::mlp) != hepml::default_options(hepml::learner::trees));

    hepml::fit_options options;
    options.seed = 3;
    std::size_t steps = 0;
    const hepml::model model = hepml::fit_ratio(hepml::learner::trees, {numerator, weights}, denominator, options, [&](const hepml::progress& now) {
        ++steps;
        for (std::size_t index = 0; index < now.measure_count(); ++index) {
            EXPECT(now.measure(now.measure(index).first).has_value());
        }
        EXPECT(!now.measure("no such measure"));
    });
    EXPECT(steps > 0);
    // Weights are a copy, too, of any numbers.
    const hepml::sample kept(numerator, std::vector<double>(weights));
    EXPECT(kept.weights()->at(3) == weights[3]);
    EXPECT(hepml::fit_ratio(hepml::learner::trees, kept, {denominator, std::list<int>(600, 1)}, options).to_bytes() ==
           hepml::fit_ratio(hepml::learner::trees, {numerator, weights}, {denominator, std::vector<double>(600, 1.0)}, options).to_bytes());
    const hepml::model_info info = model.info();
    EXPECT(info.is_ratio && info.outputs == 1 && info.columns == 2 && info.input == hepml::input::table);
    EXPECT(model.report().find("\"measures\"") != std::string::npos);
    EXPECT(model.metadata().front() == '{');

    const std::vector<double> log_ratio = model.evaluate(denominator);
    EXPECT(log_ratio.size() == 600 && log_ratio.front() > log_ratio.back());
    EXPECT(model.evaluate(denominator, 2) == log_ratio);
    std::vector<double> room(600);
    model.evaluate(denominator, room);
    EXPECT(room == log_ratio);
    EXPECT(throws(hepml::status::capacity, "600", [&] { model.evaluate(denominator, hepml::span<double>(room.data(), 599)); return 0; }));

    const std::string path = folder + "/ratio.hepml";
    model.save(path);
    EXPECT(hepml::model::load(path).evaluate(denominator) == log_ratio);
    const std::vector<std::uint8_t> bytes = model.to_bytes();
    EXPECT(hepml::model::from_bytes(bytes).evaluate(denominator) == log_ratio);
    EXPECT(throws(hepml::status::invalid_model, "", [&] { return hepml::model::from_bytes({bytes.data(), bytes.size() / 2}); }));
    EXPECT(throws(hepml::status::invalid_model, "", [] { return hepml::model::from_bytes({}); }));
    EXPECT(throws(hepml::status::io, "missing", [&] { return hepml::model::load(folder + "/missing"); }));
    EXPECT(throws(hepml::status::out_of_range, "NUL", [] { return hepml::model::load(std::string("a\0b", 3)); }));
    EXPECT(throws(hepml::status::invalid_utf8, "", [] { return hepml::model::load("\xff"); }));

    const double nan[] = {0.5, std::nan("")};
    EXPECT(throws(hepml::status::not_finite, "1", [&] { return model.evaluate(hepml::table(nan, 1, 2)); }));
    EXPECT(throws(hepml::status::shape, "2", [&] { return model.evaluate(hepml::table(log_ratio, 600, 1)); }));
    const hepml::sets no_sets(hepml::momenta::rows(hepml::coordinates::px_py_pz_e, std::vector<double>()), std::vector<std::size_t>{0});
    EXPECT(throws(hepml::status::wrong_input, "", [&] { return model.evaluate(no_sets); }));
    EXPECT(throws(hepml::status::shape, "expected 4, got 2", [&] { return hepml::table(nan, 2, 2); }));
    EXPECT(throws(hepml::status::shape, "more than can be counted", [&] { return hepml::table(nan, std::numeric_limits<std::size_t>::max(), 2); }));
    EXPECT(throws(hepml::status::shape, "", [&] { return hepml::table::from_columns({nan, {nan, 1}}); }));

    // A list of weights that is empty is not the same as no list.
    const std::vector<double> none;
    EXPECT(throws(hepml::status::shape, "", [&] { return hepml::fit_ratio(hepml::learner::trees, {numerator, none}, denominator); }));
    options.options = "{\"no such option\": 1}";
    EXPECT(throws(hepml::status::invalid_options, "no such option", [&] { return hepml::fit_ratio(hepml::learner::trees, numerator, denominator, options); }));
    options.options.clear();

    const std::size_t before = handles();
    bool caught = false;
    try {
        static_cast<void>(hepml::fit_ratio(hepml::learner::trees, numerator, denominator, options, [](const hepml::progress&) -> bool { throw 7; }));
    } catch (int seven) {
        caught = seven == 7;
    }
    EXPECT(caught && handles() == before);
    int calls = 0;
    const hepml::model stopped = hepml::fit_ratio(hepml::learner::trees, {numerator, weights}, denominator, options, [&](const hepml::progress&) { return ++calls < 40; });
    EXPECT(calls == 40 && stopped.evaluate(denominator).size() == 600);
    EXPECT(stopped.report().find("\"stopped\":true") != std::string::npos);
}

static void threads() {
    // The message is that of the thread whose call failed.
    const hepml::emd emd;
    const std::vector<Row> good{{1.0, 0.0, 0.0}};
    bool right[2] = {true, true};
    const auto work = [&](std::size_t thread) {
        const std::string text = "particle " + std::to_string(thread) + " ";
        std::vector<Row> bad(thread + 1, good[0]);
        bad[thread][0] = -1.0;
        for (int i = 0; i < 500; ++i) {
            right[thread] = right[thread] && throws(hepml::status::out_of_range, text, [&] { return emd.value(bad, good); });
        }
    };
    std::thread other(work, std::size_t{0});
    work(1);
    other.join();
    EXPECT(right[0] && right[1]);
}

int main(int argc, char** argv) {
    const std::size_t before = handles();
    EXPECT(argc == 2 || argc == 3);
    EXPECT(hepml::abi_version() == HEPML_ABI_VERSION && std::string(hepml::version()) == HEPML_VERSION);
    EXPECT(std::string(hepml::name(hepml::status::not_finite)) == "HEPML_STATUS_NOT_FINITE");
    EXPECT(throws(hepml::status::panic, "on purpose", [] { hepml::detail::must(hepml_self_test_panic("on purpose")); return 0; }));
    spans_and_views();
    four_momenta();
    moved_from();
    pairs();
    if (argc == 2) {
        exhaustion();
    }
    plans();
    shapes();
    sets_of_particles();
    ratios(argv[1]);
    threads();
    EXPECT(handles() == before);
    std::printf("hepml.hpp holds\n");
}
