#include "fixtures.h"

/* The search stops within this of the least value. */
static const double FOUND = 1e-6;
static const double WRONG[] = {NAN, INFINITY, -INFINITY};
enum { ROOM = 16 };

/* Two particles are two points. */
static void points_are_found(void) {
    const double pt[2] = {2.0, 3.0}, y[2] = {0.1, -0.2}, phi[2] = {0.3, 0.0};
    const hepml_particles particles = {pt, y, phi, 1, 2};
    hepml_manifold *manifold = new_manifold();
    size_t count = 0;
    OK(hepml_manifold_parameter_count(manifold, &count));
    CHECK(count > 0 && count <= ROOM);
    double parameters[ROOM];
    FILL(parameters);
    hepml_manifold_fit fit;
    OK(hepml_manifold_nearest(manifold, &particles, parameters, ROOM, &fit));
    NEAR(fit.value, 0.0, FOUND);
    CHECK(fit.starts > 0 && fit.agreeing > 0 && fit.agreeing <= fit.starts);
    CHECK(untouched(parameters + count, (ROOM - count) * sizeof(double)));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        size_t length = 0;
        OK(hepml_manifold_parameter_name(manifold, i, name, sizeof name, &length));
        CHECK(length > 0 && strlen(name) == length);
    }
    OK(hepml_manifold_free(&manifold));
}

static void names_know_their_length(void) {
    hepml_manifold *manifold = new_manifold();
    char name[64];
    size_t length = 0, other;
    FILL(name), fill(&other, sizeof other);
    OK(hepml_manifold_parameter_name(manifold, 0, NULL, 0, &length));
    CHECK(length > 0 && length < sizeof name);
    FAILS(CAPACITY, hepml_manifold_parameter_name(manifold, 0, name, length, &other));
    CHECK(other == length);
    UNTOUCHED(name);
    OK(hepml_manifold_parameter_name(manifold, 0, name, length + 1, &other));
    CHECK(strlen(name) == length && untouched(name + length + 1, sizeof name - length - 1));

    FILL(name), fill(&other, sizeof other);
    size_t count = 0;
    OK(hepml_manifold_parameter_count(manifold, &count));
    FAILS(OUT_OF_RANGE, hepml_manifold_parameter_name(manifold, count, name, sizeof name, &other));
    FAILS(OUT_OF_RANGE, hepml_manifold_parameter_name(manifold, SIZE_MAX, name, sizeof name, &other));
    FAILS(NULL_POINTER, hepml_manifold_parameter_name(NULL, 0, name, sizeof name, &other));
    FAILS(INVALID_HANDLE, hepml_manifold_parameter_name(freed_manifold(), 0, name, sizeof name, &other));
    FAILS(NULL_POINTER, hepml_manifold_parameter_name(manifold, 0, NULL, sizeof name, &other));
    FAILS(NULL_POINTER, hepml_manifold_parameter_name(manifold, 0, name, sizeof name, NULL));
    FAILS(MISALIGNED, hepml_manifold_parameter_name(manifold, 0, name, sizeof name, misaligned_size()));
    FAILS(NULL_POINTER, hepml_manifold_parameter_count(NULL, &other));
    FAILS(NULL_POINTER, hepml_manifold_parameter_count(manifold, NULL));
    FAILS(INVALID_HANDLE, hepml_manifold_parameter_count(freed_manifold(), &other));
    FAILS(MISALIGNED, hepml_manifold_parameter_count(manifold, misaligned_size()));
    UNTOUCHED(name);
    CHECK(untouched(&other, sizeof other));
    OK(hepml_manifold_free(&manifold));
}

static void bad_parameters(void) {
    hepml_manifold *manifold = NULL;
    FAILS(NULL_POINTER, hepml_manifold_new(0, 2, 0, 1.0, 1.0, 1, NULL));
    FAILS(MISALIGNED, hepml_manifold_new(0, 2, 0, 1.0, 1.0, 1, (hepml_manifold **)misaligned_pointer()));
    const int32_t kinds[] = {-1, 4, INT32_MAX, INT32_MIN}, flags[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        FAILS(INVALID_ENUM, hepml_manifold_new(kinds[i], 2, 0, 1.0, 1.0, 1, &manifold));
        FAILS(INVALID_ENUM, hepml_manifold_new(1, 8, flags[i], 1.0, 1.0, 1, &manifold));
        FAILS(INVALID_ENUM, hepml_manifold_new(1, 8, 0, 1.0, 1.0, flags[i], &manifold));
    }
    for (int32_t kind = HEPML_MANIFOLD_KIND_POINTS; kind <= HEPML_MANIFOLD_KIND_ELLIPSE; kind++) {
        FAILS(OUT_OF_RANGE, hepml_manifold_new(kind, 0, 0, 1.0, 1.0, 1, &manifold));
        FAILS(OUT_OF_RANGE, hepml_manifold_new(kind, SIZE_MAX, 0, 1.0, 1.0, 1, &manifold));
        FAILS(OUT_OF_RANGE, hepml_manifold_new(kind, SIZE_MAX / 16, 0, 1.0, 1.0, 1, &manifold));
        FAILS(OUT_OF_RANGE, hepml_manifold_new(kind, UINT32_MAX, 0, 1.0, 1.0, 1, &manifold));
        const double outside[] = {0.0, -1.0};
        for (size_t i = 0; i < LENGTH(outside); i++) {
            FAILS_WITH(OUT_OF_RANGE, "radius", hepml_manifold_new(kind, 4, 0, outside[i], 1.0, 1, &manifold));
            FAILS_WITH(OUT_OF_RANGE, "beta", hepml_manifold_new(kind, 4, 0, 1.0, outside[i], 1, &manifold));
        }
        for (size_t i = 0; i < LENGTH(WRONG); i++) {
            FAILS_WITH(NOT_FINITE, "radius", hepml_manifold_new(kind, 4, 0, WRONG[i], 1.0, 1, &manifold));
            FAILS_WITH(NOT_FINITE, "beta", hepml_manifold_new(kind, 4, 0, 1.0, WRONG[i], 1, &manifold));
        }
    }
    CHECK(manifold == NULL);
}

static void bad_events(void) {
    random_numbers numbers = {10};
    jet jet;
    make_jet(&jet, 3, &numbers);
    const hepml_particles right = view(&jet);
    hepml_manifold *manifold = new_manifold();
    double parameters[ROOM];
    hepml_manifold_fit fit;
    FILL(parameters), fill(&fit, sizeof fit);
    size_t count = 0;
    OK(hepml_manifold_parameter_count(manifold, &count));
    FAILS(NULL_POINTER, hepml_manifold_nearest(NULL, &right, parameters, ROOM, &fit));
    FAILS(INVALID_HANDLE, hepml_manifold_nearest(freed_manifold(), &right, parameters, ROOM, &fit));
    FAILS(NULL_POINTER, hepml_manifold_nearest(manifold, NULL, parameters, ROOM, &fit));
    FAILS(NULL_POINTER, hepml_manifold_nearest(manifold, &right, NULL, ROOM, &fit));
    FAILS(NULL_POINTER, hepml_manifold_nearest(manifold, &right, parameters, ROOM, NULL));
    FAILS(MISALIGNED, hepml_manifold_nearest(manifold, (const hepml_particles *)misaligned_pointer(), parameters, ROOM, &fit));
    FAILS(MISALIGNED, hepml_manifold_nearest(manifold, &right, misaligned_double(), ROOM, &fit));
    FAILS(MISALIGNED, hepml_manifold_nearest(manifold, &right, parameters, ROOM, (hepml_manifold_fit *)misaligned_pointer()));
    FAILS(CAPACITY, hepml_manifold_nearest(manifold, &right, parameters, count - 1, &fit));
    FAILS(CAPACITY, hepml_manifold_nearest(manifold, &right, NULL, 0, &fit));
    hepml_particles particles = right;
    const double **const columns[3] = {&particles.pt, &particles.y, &particles.phi};
    double *const numbers_of[3] = {jet.pt, jet.y, jet.phi};
    for (size_t column = 0; column < 3; column++) {
        particles = right;
        *columns[column] = NULL;
        FAILS(NULL_POINTER, hepml_manifold_nearest(manifold, &particles, parameters, ROOM, &fit));
        *columns[column] = misaligned_double();
        FAILS(MISALIGNED, hepml_manifold_nearest(manifold, &particles, parameters, ROOM, &fit));
        for (size_t i = 0; i < LENGTH(WRONG); i++) {
            const double was = numbers_of[column][2];
            numbers_of[column][2] = WRONG[i];
            FAILS_WITH(NOT_FINITE, "2", hepml_manifold_nearest(manifold, &right, parameters, ROOM, &fit));
            numbers_of[column][2] = was;
        }
    }
    particles = right, particles.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_manifold_nearest(manifold, &particles, parameters, ROOM, &fit));
    particles = right, particles.count = SIZE_MAX;
    FAILS(SHAPE, hepml_manifold_nearest(manifold, &particles, parameters, ROOM, &fit));
    UNTOUCHED(parameters);
    CHECK(untouched(&fit, sizeof fit));
    OK(hepml_manifold_free(&manifold));
}

const test manifold_tests[] = {
    {"points are found", points_are_found},
    {"names know their length", names_know_their_length},
    {"bad parameters", bad_parameters},
    {"bad events", bad_events},
    {NULL, NULL},
};
