#include "fixtures.h"

static const double ROUNDING = 1e-14;
static const double WRONG[] = {NAN, INFINITY, -INFINITY};
enum { COUNT = 6, ROOM = COUNT + 2 };

/* As many axes as particles leave nothing; one axis leaves something. */
static void axes_at_the_particles_leave_nothing(void) {
    random_numbers numbers = {9};
    jet jet;
    make_jet(&jet, COUNT, &numbers);
    const hepml_particles particles = view(&jet);
    hepml_n_subjettiness *n_subjettiness = new_n_subjettiness();
    double tau = -1.0, tau_1 = -1.0, tau_2 = -1.0, ratio = -1.0;
    OK(hepml_n_subjettiness_tau(n_subjettiness, COUNT, &particles, &tau));
    NEAR(tau, 0.0, ROUNDING);
    OK(hepml_n_subjettiness_tau(n_subjettiness, 1, &particles, &tau_1));
    OK(hepml_n_subjettiness_tau(n_subjettiness, 2, &particles, &tau_2));
    OK(hepml_n_subjettiness_ratio(n_subjettiness, 2, 1, &particles, &ratio));
    CHECK(tau_1 > tau_2 && tau_2 > 0.0);
    NEAR(ratio, tau_2 / tau_1, ROUNDING);

    double axes[2 * ROOM], energies[ROOM], total = 0.0;
    size_t assignment[ROOM];
    FILL(axes), FILL(energies), FILL(assignment);
    hepml_subjets subjets;
    OK(hepml_n_subjettiness_axes(n_subjettiness, 2, &particles, axes, energies, ROOM, assignment, ROOM, &subjets));
    CHECK(subjets.count == 2 && subjets.tau == tau_2 && subjets.converged == 1);
    CHECK(untouched(axes + 4, (2 * ROOM - 4) * sizeof(double)) && untouched(energies + 2, (ROOM - 2) * sizeof(double)));
    CHECK(untouched(assignment + COUNT, (ROOM - COUNT) * sizeof(size_t)));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(assignment[i] < 2 || assignment[i] == SIZE_MAX);
        total += assignment[i] < 2 ? jet.pt[i] : 0.0;
    }
    NEAR(energies[0] + energies[1], total, 100.0 * ROUNDING);
    OK(hepml_n_subjettiness_axes(n_subjettiness, 2, &particles, axes, energies, 2, NULL, 0, &subjets));
    OK(hepml_n_subjettiness_free(&n_subjettiness));
}

static void bad_parameters(void) {
    hepml_n_subjettiness *made = NULL;
    const double cutoff = 1.0;
    FAILS(NULL_POINTER, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, NULL, 1, NULL));
    FAILS(MISALIGNED, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, NULL, 1, (hepml_n_subjettiness **)misaligned_pointer()));
    FAILS(MISALIGNED, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, misaligned_double(), 1, &made));
    const int32_t wrong[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        FAILS(INVALID_ENUM, hepml_n_subjettiness_new(wrong[i], 1.0, 1.0, 1, &cutoff, 1, &made));
        FAILS(INVALID_ENUM, hepml_n_subjettiness_new(0, 1.0, 1.0, wrong[i], &cutoff, 1, &made));
        FAILS(INVALID_ENUM, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, &cutoff, wrong[i], &made));
    }
    const double outside[] = {0.0, -1.0};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        FAILS_WITH(OUT_OF_RANGE, "beta", hepml_n_subjettiness_new(0, outside[i], 1.0, 1, NULL, 1, &made));
        FAILS_WITH(OUT_OF_RANGE, "radius", hepml_n_subjettiness_new(0, 1.0, outside[i], 1, NULL, 1, &made));
        FAILS(OUT_OF_RANGE, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, &outside[i], 1, &made));
    }
    for (size_t i = 0; i < LENGTH(WRONG); i++) {
        FAILS_WITH(NOT_FINITE, "beta", hepml_n_subjettiness_new(0, WRONG[i], 1.0, 1, NULL, 1, &made));
        FAILS_WITH(NOT_FINITE, "radius", hepml_n_subjettiness_new(0, 1.0, WRONG[i], 1, NULL, 1, &made));
        FAILS(NOT_FINITE, hepml_n_subjettiness_new(0, 1.0, 1.0, 1, &WRONG[i], 1, &made));
    }
    CHECK(made == NULL);
}

static void bad_events(void) {
    random_numbers numbers = {9};
    jet jet;
    make_jet(&jet, COUNT, &numbers);
    const hepml_particles right = view(&jet);
    hepml_n_subjettiness *tau = new_n_subjettiness();
    const hepml_n_subjettiness *gone = freed_n_subjettiness();
    const hepml_particles *misaligned = (const hepml_particles *)misaligned_pointer();
    double value, axes[2 * ROOM], energies[ROOM];
    size_t assignment[ROOM];
    hepml_subjets subjets;
    fill(&value, sizeof value), FILL(axes), FILL(energies), FILL(assignment), fill(&subjets, sizeof subjets);
    FAILS(NULL_POINTER, hepml_n_subjettiness_tau(NULL, 2, &right, &value));
    FAILS(INVALID_HANDLE, hepml_n_subjettiness_tau(gone, 2, &right, &value));
    FAILS(NULL_POINTER, hepml_n_subjettiness_tau(tau, 2, NULL, &value));
    FAILS(NULL_POINTER, hepml_n_subjettiness_tau(tau, 2, &right, NULL));
    FAILS(MISALIGNED, hepml_n_subjettiness_tau(tau, 2, misaligned, &value));
    FAILS(MISALIGNED, hepml_n_subjettiness_tau(tau, 2, &right, misaligned_double()));
    FAILS(OUT_OF_RANGE, hepml_n_subjettiness_tau(tau, 0, &right, &value));
    FAILS(NULL_POINTER, hepml_n_subjettiness_ratio(NULL, 2, 1, &right, &value));
    FAILS(INVALID_HANDLE, hepml_n_subjettiness_ratio(gone, 2, 1, &right, &value));
    FAILS(NULL_POINTER, hepml_n_subjettiness_ratio(tau, 2, 1, NULL, &value));
    FAILS(NULL_POINTER, hepml_n_subjettiness_ratio(tau, 2, 1, &right, NULL));
    FAILS(MISALIGNED, hepml_n_subjettiness_ratio(tau, 2, 1, misaligned, &value));
    FAILS(MISALIGNED, hepml_n_subjettiness_ratio(tau, 2, 1, &right, misaligned_double()));
    FAILS(OUT_OF_RANGE, hepml_n_subjettiness_ratio(tau, 0, 1, &right, &value));
    FAILS(OUT_OF_RANGE, hepml_n_subjettiness_ratio(tau, 2, 0, &right, &value));
    CHECK(untouched(&value, sizeof value));

    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(NULL, 2, &right, axes, energies, ROOM, assignment, ROOM, &subjets));
    FAILS(INVALID_HANDLE, hepml_n_subjettiness_axes(gone, 2, &right, axes, energies, ROOM, assignment, ROOM, &subjets));
    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(tau, 2, NULL, axes, energies, ROOM, assignment, ROOM, &subjets));
    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(tau, 2, &right, NULL, energies, ROOM, assignment, ROOM, &subjets));
    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(tau, 2, &right, axes, NULL, ROOM, assignment, ROOM, &subjets));
    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, NULL, ROOM, &subjets));
    FAILS(NULL_POINTER, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, assignment, ROOM, NULL));
    FAILS(MISALIGNED, hepml_n_subjettiness_axes(tau, 2, misaligned, axes, energies, ROOM, assignment, ROOM, &subjets));
    FAILS(MISALIGNED, hepml_n_subjettiness_axes(tau, 2, &right, misaligned_double(), energies, ROOM, assignment, ROOM, &subjets));
    FAILS(MISALIGNED, hepml_n_subjettiness_axes(tau, 2, &right, axes, misaligned_double(), ROOM, assignment, ROOM, &subjets));
    FAILS(MISALIGNED, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, misaligned_size(), ROOM, &subjets));
    FAILS(MISALIGNED, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, assignment, ROOM, (hepml_subjets *)misaligned_pointer()));
    FAILS(CAPACITY, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, 1, assignment, ROOM, &subjets));
    FAILS(CAPACITY, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, 0, assignment, ROOM, &subjets));
    FAILS(CAPACITY, hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, assignment, COUNT - 1, &subjets));
    FAILS(OUT_OF_RANGE, hepml_n_subjettiness_axes(tau, 0, &right, axes, energies, ROOM, assignment, ROOM, &subjets));
    UNTOUCHED(axes), UNTOUCHED(energies), UNTOUCHED(assignment);

    /* More axes than particles, and more than any memory holds: there are never more than particles. */
    const size_t many[] = {COUNT + 1, 1000, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(many); i++) {
        hepml_status status = hepml_n_subjettiness_tau(tau, many[i], &right, &value);
        CHECK(status == HEPML_STATUS_OUT_OF_RANGE || (status == HEPML_STATUS_OK && value == 0.0));
        status = hepml_n_subjettiness_axes(tau, many[i], &right, axes, energies, ROOM, assignment, ROOM, &subjets);
        CHECK(status == HEPML_STATUS_OUT_OF_RANGE || status == HEPML_STATUS_CAPACITY || (status == HEPML_STATUS_OK && subjets.count <= COUNT));
        status = hepml_n_subjettiness_ratio(tau, 1, many[i], &right, &value);
        CHECK(status == HEPML_STATUS_OUT_OF_RANGE);
    }

    hepml_particles particles = right;
    const double **const columns[3] = {&particles.pt, &particles.y, &particles.phi};
    double *const numbers_of[3] = {jet.pt, jet.y, jet.phi};
    for (size_t column = 0; column < 3; column++) {
        particles = right;
        *columns[column] = NULL;
        FAILS(NULL_POINTER, hepml_n_subjettiness_tau(tau, 2, &particles, &value));
        *columns[column] = misaligned_double();
        FAILS(MISALIGNED, hepml_n_subjettiness_tau(tau, 2, &particles, &value));
        for (size_t i = 0; i < LENGTH(WRONG); i++) {
            const double was = numbers_of[column][4];
            numbers_of[column][4] = WRONG[i];
            FAILS_WITH(NOT_FINITE, "4", hepml_n_subjettiness_tau(tau, 2, &right, &value));
            FAILS_WITH(NOT_FINITE, "4", hepml_n_subjettiness_ratio(tau, 2, 1, &right, &value));
            FAILS_WITH(NOT_FINITE, "4", hepml_n_subjettiness_axes(tau, 2, &right, axes, energies, ROOM, assignment, ROOM, &subjets));
            numbers_of[column][4] = was;
        }
    }
    particles = right, particles.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_n_subjettiness_tau(tau, 2, &particles, &value));
    particles = right, particles.count = SIZE_MAX;
    FAILS(SHAPE, hepml_n_subjettiness_tau(tau, 2, &particles, &value));
    OK(hepml_n_subjettiness_free(&tau));
}

const test n_subjettiness_tests[] = {
    {"axes at the particles leave nothing", axes_at_the_particles_leave_nothing},
    {"bad parameters", bad_parameters},
    {"bad events", bad_events},
    {NULL, NULL},
};
