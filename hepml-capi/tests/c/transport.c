#include "fixtures.h"

static const double ROUNDING = 1e-13;
enum { FROM = 4, TO = 3, FLOWS = FROM + TO + 1, GUARD = 4 };

/* The plan adds up to the events, costs what the value says, and the potentials prove it. */
static void plans_add_up(void) {
    random_numbers numbers = {7};
    jet a, b;
    make_jet(&a, FROM, &numbers);
    make_jet(&b, TO, &numbers);
    hepml_particles from_event = view(&a), to_event = view(&b);
    hepml_divergence *emd = new_emd();
    hepml_transport *transport = NULL;
    double value = 0.0;
    OK(hepml_divergence_value(emd, &from_event, &to_event, &value));
    OK(hepml_divergence_solve(emd, &from_event, &to_event, &transport));
    hepml_transport_summary summary;
    OK(hepml_transport_summarise(transport, &summary));
    CHECK(summary.value == value && summary.from_particles == FROM && summary.to_particles == TO);
    CHECK(summary.gap <= ROUNDING && summary.flows > 0 && summary.flows <= FROM * TO);

    size_t from[FROM * TO], to[FROM * TO];
    double amount[FROM * TO], removed[FROM + GUARD], created[TO + GUARD], source[FROM + GUARD], sink[TO + GUARD];
    FILL(amount), FILL(removed), FILL(created), FILL(source), FILL(sink);
    OK(hepml_transport_flows(transport, from, to, amount, LENGTH(amount)));
    CHECK(untouched(amount + summary.flows, (LENGTH(amount) - summary.flows) * sizeof(double)));
    OK(hepml_transport_leftover(transport, removed, LENGTH(removed), created, LENGTH(created)));
    CHECK(untouched(removed + FROM, GUARD * sizeof(double)) && untouched(created + TO, GUARD * sizeof(double)));
    OK(hepml_transport_potentials(transport, source, LENGTH(source), sink, LENGTH(sink)));
    CHECK(untouched(source + FROM, GUARD * sizeof(double)) && untouched(sink + TO, GUARD * sizeof(double)));

    double cost = 0.0, leaving[FROM], arriving[TO];
    for (size_t i = 0; i < FROM; i++) {
        leaving[i] = removed[i], cost += removed[i];
    }
    for (size_t j = 0; j < TO; j++) {
        arriving[j] = created[j], cost += created[j];
    }
    for (size_t k = 0; k < summary.flows; k++) {
        CHECK(from[k] < FROM && to[k] < TO && amount[k] > 0.0);
        leaving[from[k]] += amount[k], arriving[to[k]] += amount[k];
        cost += amount[k] * hypot(a.y[from[k]] - b.y[to[k]], a.phi[from[k]] - b.phi[to[k]]);
    }
    for (size_t i = 0; i < FROM; i++) {
        NEAR(leaving[i], a.pt[i], ROUNDING);
    }
    for (size_t j = 0; j < TO; j++) {
        NEAR(arriving[j], b.pt[j], ROUNDING);
    }
    NEAR(cost, value, ROUNDING);
    OK(hepml_transport_free(&transport));
    OK(hepml_divergence_free(&emd));
}

static void bad_arguments(void) {
    hepml_transport *transport = new_transport();
    const hepml_transport *gone = freed_transport();
    hepml_transport_summary summary;
    fill(&summary, sizeof summary);
    FAILS(NULL_POINTER, hepml_transport_summarise(NULL, &summary));
    FAILS(NULL_POINTER, hepml_transport_summarise(transport, NULL));
    FAILS(INVALID_HANDLE, hepml_transport_summarise(gone, &summary));
    FAILS(MISALIGNED, hepml_transport_summarise(transport, (hepml_transport_summary *)misaligned_pointer()));
    CHECK(untouched(&summary, sizeof summary));
    OK(hepml_transport_summarise(transport, &summary));

    const size_t flows = summary.flows;
    size_t from[FLOWS], to[FLOWS];
    double amount[FLOWS], first[FLOWS], second[FLOWS];
    FILL(from), FILL(to), FILL(amount), FILL(first), FILL(second);
    FAILS(NULL_POINTER, hepml_transport_flows(NULL, from, to, amount, FLOWS));
    FAILS(INVALID_HANDLE, hepml_transport_flows(gone, from, to, amount, FLOWS));
    FAILS(NULL_POINTER, hepml_transport_flows(transport, NULL, to, amount, FLOWS));
    FAILS(NULL_POINTER, hepml_transport_flows(transport, from, NULL, amount, FLOWS));
    FAILS(NULL_POINTER, hepml_transport_flows(transport, from, to, NULL, FLOWS));
    FAILS(MISALIGNED, hepml_transport_flows(transport, misaligned_size(), to, amount, FLOWS));
    FAILS(MISALIGNED, hepml_transport_flows(transport, from, misaligned_size(), amount, FLOWS));
    FAILS(MISALIGNED, hepml_transport_flows(transport, from, to, misaligned_double(), FLOWS));
    FAILS(CAPACITY, hepml_transport_flows(transport, from, to, amount, flows - 1));
    FAILS(CAPACITY, hepml_transport_flows(transport, NULL, NULL, NULL, 0));

    FAILS(NULL_POINTER, hepml_transport_leftover(NULL, first, FROM, second, TO));
    FAILS(INVALID_HANDLE, hepml_transport_leftover(gone, first, FROM, second, TO));
    FAILS(NULL_POINTER, hepml_transport_leftover(transport, NULL, FROM, second, TO));
    FAILS(NULL_POINTER, hepml_transport_leftover(transport, first, FROM, NULL, TO));
    FAILS(MISALIGNED, hepml_transport_leftover(transport, misaligned_double(), FROM, second, TO));
    FAILS(MISALIGNED, hepml_transport_leftover(transport, first, FROM, misaligned_double(), TO));
    FAILS(CAPACITY, hepml_transport_leftover(transport, first, FROM - 1, second, TO));
    FAILS(CAPACITY, hepml_transport_leftover(transport, first, FROM, second, TO - 1));

    FAILS(NULL_POINTER, hepml_transport_potentials(NULL, first, FROM, second, TO));
    FAILS(INVALID_HANDLE, hepml_transport_potentials(gone, first, FROM, second, TO));
    FAILS(NULL_POINTER, hepml_transport_potentials(transport, NULL, FROM, second, TO));
    FAILS(NULL_POINTER, hepml_transport_potentials(transport, first, FROM, NULL, TO));
    FAILS(MISALIGNED, hepml_transport_potentials(transport, misaligned_double(), FROM, second, TO));
    FAILS(MISALIGNED, hepml_transport_potentials(transport, first, FROM, misaligned_double(), TO));
    FAILS(CAPACITY, hepml_transport_potentials(transport, first, FROM - 1, second, TO));
    FAILS(CAPACITY, hepml_transport_potentials(transport, first, FROM, second, TO - 1));
    UNTOUCHED(from), UNTOUCHED(to), UNTOUCHED(amount), UNTOUCHED(first), UNTOUCHED(second);
    /* The capacity is what the caller says: no more than what is needed is touched. */
    OK(hepml_transport_flows(transport, from, to, amount, SIZE_MAX));
    OK(hepml_transport_leftover(transport, first, SIZE_MAX, second, SIZE_MAX));
    OK(hepml_transport_potentials(transport, first, SIZE_MAX, second, SIZE_MAX));
    OK(hepml_transport_free(&transport));
}

static void solving_refuses(void) {
    random_numbers numbers = {8};
    jet a;
    make_jet(&a, FROM, &numbers);
    hepml_particles event = view(&a);
    hepml_divergence *emd = new_emd(), *spectral = new_spectral();
    hepml_transport *transport = NULL;
    FAILS(WRONG_INPUT, hepml_divergence_solve(spectral, &event, &event, &transport));
    FAILS(NULL_POINTER, hepml_divergence_solve(NULL, &event, &event, &transport));
    FAILS(NULL_POINTER, hepml_divergence_solve(emd, NULL, &event, &transport));
    FAILS(NULL_POINTER, hepml_divergence_solve(emd, &event, NULL, &transport));
    FAILS(NULL_POINTER, hepml_divergence_solve(emd, &event, &event, NULL));
    FAILS(INVALID_HANDLE, hepml_divergence_solve(freed_divergence(), &event, &event, &transport));
    FAILS(MISALIGNED, hepml_divergence_solve(emd, (const hepml_particles *)misaligned_pointer(), &event, &transport));
    FAILS(MISALIGNED, hepml_divergence_solve(emd, &event, (const hepml_particles *)misaligned_pointer(), &transport));
    FAILS(MISALIGNED, hepml_divergence_solve(emd, &event, &event, (hepml_transport **)misaligned_pointer()));
    hepml_particles bad = event;
    bad.pt = NULL;
    FAILS(NULL_POINTER, hepml_divergence_solve(emd, &bad, &event, &transport));
    bad = event, bad.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_divergence_solve(emd, &event, &bad, &transport));
    CHECK(transport == NULL);
    OK(hepml_divergence_free(&emd));
    OK(hepml_divergence_free(&spectral));
}

const test transport_tests[] = {
    {"plans add up", plans_add_up},
    {"bad arguments", bad_arguments},
    {"solving refuses", solving_refuses},
    {NULL, NULL},
};
