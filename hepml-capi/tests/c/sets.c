#include "fixtures.h"

static list events;
static hepml_momenta momenta;
static double charge[PARTICLES], mass[PARTICLES];
static const char *names[2] = {"charge", "mass"};
static const double *features[2] = {charge, mass};

static void prepare(void) {
    make_list(&events, 1);
    momenta = list_momenta(&events);
    for (size_t i = 0; i < PARTICLES; i++) {
        charge[i] = i % 2 == 0 ? 1.0 : -1.0;
        mass[i] = 0.1;
    }
}

static void sets_have_their_shape(void) {
    prepare();
    hepml_sets *sets = NULL;
    size_t count = 0, particles = 0;
    OK(hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
    OK(hepml_sets_shape(sets, &count, &particles));
    CHECK(count == EVENTS && particles == PARTICLES);
    OK(hepml_sets_free(&sets));

    /* Without events, and with events that have no particles. */
    hepml_momenta none = {{NULL, NULL, NULL, NULL}, 0, 0, HEPML_COORDINATES_PX_PY_PZ_E};
    const size_t nothing[3] = {0, 0, 0};
    OK(hepml_sets_new(&none, nothing, 0, NULL, NULL, 0, &sets));
    OK(hepml_sets_shape(sets, &count, &particles));
    CHECK(count == 0 && particles == 0);
    OK(hepml_sets_free(&sets));
    OK(hepml_sets_new(&none, nothing, 2, NULL, NULL, 0, &sets));
    OK(hepml_sets_shape(sets, &count, &particles));
    CHECK(count == 2 && particles == 0);
    OK(hepml_sets_free(&sets));
}

static void bad_arguments(void) {
    prepare();
    hepml_sets *sets = NULL;
    FAILS(NULL_POINTER, hepml_sets_new(NULL, events.offsets, EVENTS, names, features, 2, &sets));
    FAILS(NULL_POINTER, hepml_sets_new(&momenta, NULL, EVENTS, names, features, 2, &sets));
    FAILS(NULL_POINTER, hepml_sets_new(&momenta, events.offsets, EVENTS, NULL, features, 2, &sets));
    FAILS(NULL_POINTER, hepml_sets_new(&momenta, events.offsets, EVENTS, names, NULL, 2, &sets));
    FAILS(NULL_POINTER, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, NULL));
    FAILS(MISALIGNED, hepml_sets_new((const hepml_momenta *)misaligned_pointer(), events.offsets, EVENTS, names, features, 2, &sets));
    FAILS(MISALIGNED, hepml_sets_new(&momenta, misaligned_size(), EVENTS, names, features, 2, &sets));
    FAILS(MISALIGNED, hepml_sets_new(&momenta, events.offsets, EVENTS, (const char *const *)misaligned_pointer(), features, 2, &sets));
    FAILS(MISALIGNED, hepml_sets_new(&momenta, events.offsets, EVENTS, names, (const double *const *)misaligned_pointer(), 2, &sets));
    FAILS(MISALIGNED, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, (hepml_sets **)misaligned_pointer()));
    for (size_t i = 0; i < 4; i++) {
        hepml_momenta bad = momenta;
        bad.columns[i] = NULL;
        FAILS(NULL_POINTER, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
        bad.columns[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name = names[i];
        names[i] = NULL;
        FAILS(NULL_POINTER, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        names[i] = "caf\xe9";
        FAILS(INVALID_UTF8, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        names[i] = name;
        const double *column = features[i];
        features[i] = NULL;
        FAILS(NULL_POINTER, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        features[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        features[i] = column;
    }
    const int32_t wrong[] = {-1, 3, INT32_MAX};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        hepml_momenta bad = momenta;
        bad.coordinates = wrong[i];
        FAILS(INVALID_ENUM, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
    }
    hepml_momenta bad = momenta;
    bad.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 4};
    for (size_t i = 0; i < LENGTH(huge); i++) {
        bad = momenta;
        bad.stride = huge[i];
        FAILS(SHAPE, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
        bad = momenta;
        bad.count = huge[i];
        FAILS(SHAPE, hepml_sets_new(&bad, events.offsets, EVENTS, names, features, 2, &sets));
        FAILS(SHAPE, hepml_sets_new(&momenta, events.offsets, huge[i], names, features, 2, &sets));
        FAILS(SHAPE, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, huge[i], &sets));
    }
    CHECK(sets == NULL);

    sets = new_sets();
    size_t count, particles;
    fill(&count, sizeof count), fill(&particles, sizeof particles);
    FAILS(NULL_POINTER, hepml_sets_shape(NULL, &count, &particles));
    FAILS(NULL_POINTER, hepml_sets_shape(sets, NULL, &particles));
    FAILS(NULL_POINTER, hepml_sets_shape(sets, &count, NULL));
    FAILS(MISALIGNED, hepml_sets_shape(sets, misaligned_size(), &particles));
    FAILS(MISALIGNED, hepml_sets_shape(sets, &count, misaligned_size()));
    FAILS(INVALID_HANDLE, hepml_sets_shape(freed_sets(), &count, &particles));
    CHECK(untouched(&count, sizeof count) && untouched(&particles, sizeof particles));
    OK(hepml_sets_free(&sets));
}

static void offsets_that_do_not_fit(void) {
    const struct {
        size_t event, offset;
    } wrong[] = {{0, 1}, {0, SIZE_MAX}, {2, EVENT_SIZE - 1}, {2, PARTICLES + 1}, {2, SIZE_MAX}, {EVENTS, PARTICLES - 1}, {EVENTS, PARTICLES + 1}, {EVENTS, 0}, {EVENTS, SIZE_MAX}};
    hepml_sets *sets = NULL;
    hepml_flows *flows = NULL;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        prepare();
        hepml_particles particles = list_particles(&events);
        events.offsets[wrong[i].event] = wrong[i].offset;
        FAILS(SHAPE, hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    }
    prepare();
    hepml_particles particles = list_particles(&events);
    FAILS(SHAPE, hepml_sets_new(&momenta, events.offsets, EVENTS - 1, names, features, 2, &sets));
    FAILS(SHAPE, hepml_sets_new(&momenta, events.offsets, 0, names, features, 2, &sets));
    FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, EVENTS - 1, &flows));
    FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, 0, &flows));
    CHECK(sets == NULL && flows == NULL);
}

static void numbers_that_are_none(void) {
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    hepml_sets *sets = NULL;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        double *columns[6] = {events.pt, events.y, events.phi, events.m, charge, mass};
        for (size_t column = 0; column < LENGTH(columns); column++) {
            prepare();
            columns[column][2 * EVENT_SIZE + 1] = wrong[i];
            FAILS_WITH(NOT_FINITE, "event 2", hepml_sets_new(&momenta, events.offsets, EVENTS, names, features, 2, &sets));
        }
    }
    CHECK(sets == NULL);
}

const test sets_tests[] = {
    {"sets have their shape", sets_have_their_shape},
    {"bad arguments", bad_arguments},
    {"offsets that do not fit", offsets_that_do_not_fit},
    {"numbers that are none", numbers_that_are_none},
    {NULL, NULL},
};
