#include "fixtures.h"

static list events;
static hepml_particles particles;

static void prepare(void) {
    make_list(&events, 1);
    particles = list_particles(&events);
}

static void flows_have_their_shape(void) {
    prepare();
    hepml_flows *flows = NULL;
    size_t count = 0, total = 0;
    OK(hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    OK(hepml_flows_shape(flows, &count, &total));
    CHECK(count == EVENTS && total == PARTICLES);
    OK(hepml_flows_free(&flows));

    hepml_sets *sets = new_sets();
    for (int32_t about_axis = 0; about_axis <= 1; about_axis++) {
        OK(hepml_flows_from_sets(sets, about_axis, &flows));
        OK(hepml_flows_shape(flows, &count, &total));
        CHECK(count == EVENTS && total == PARTICLES);
        OK(hepml_flows_free(&flows));
    }
    OK(hepml_sets_free(&sets));

    hepml_particles none = {NULL, NULL, NULL, 0, 0};
    const size_t nothing[3] = {0, 0, 0};
    OK(hepml_flows_new(&none, nothing, 2, &flows));
    OK(hepml_flows_shape(flows, &count, &total));
    CHECK(count == 2 && total == 0);
    OK(hepml_flows_free(&flows));
}

static void bad_arguments(void) {
    prepare();
    hepml_flows *flows = NULL;
    FAILS(NULL_POINTER, hepml_flows_new(NULL, events.offsets, EVENTS, &flows));
    FAILS(NULL_POINTER, hepml_flows_new(&particles, NULL, EVENTS, &flows));
    FAILS(NULL_POINTER, hepml_flows_new(&particles, events.offsets, EVENTS, NULL));
    FAILS(MISALIGNED, hepml_flows_new((const hepml_particles *)misaligned_pointer(), events.offsets, EVENTS, &flows));
    FAILS(MISALIGNED, hepml_flows_new(&particles, misaligned_size(), EVENTS, &flows));
    FAILS(MISALIGNED, hepml_flows_new(&particles, events.offsets, EVENTS, (hepml_flows **)misaligned_pointer()));
    const double **const columns[3] = {&particles.pt, &particles.y, &particles.phi};
    for (size_t i = 0; i < 3; i++) {
        prepare();
        *columns[i] = NULL;
        FAILS(NULL_POINTER, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
        *columns[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    }
    prepare();
    particles.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 4};
    for (size_t i = 0; i < LENGTH(huge); i++) {
        prepare();
        particles.stride = huge[i];
        FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
        prepare();
        particles.count = huge[i];
        FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
        prepare();
        FAILS(SHAPE, hepml_flows_new(&particles, events.offsets, huge[i], &flows));
    }

    hepml_sets *sets = new_sets();
    FAILS(NULL_POINTER, hepml_flows_from_sets(NULL, 0, &flows));
    FAILS(NULL_POINTER, hepml_flows_from_sets(sets, 0, NULL));
    FAILS(MISALIGNED, hepml_flows_from_sets(sets, 0, (hepml_flows **)misaligned_pointer()));
    FAILS(INVALID_HANDLE, hepml_flows_from_sets(freed_sets(), 0, &flows));
    FAILS(INVALID_ENUM, hepml_flows_from_sets(sets, 2, &flows));
    FAILS(INVALID_ENUM, hepml_flows_from_sets(sets, -1, &flows));
    OK(hepml_sets_free(&sets));
    CHECK(flows == NULL);

    flows = new_flows(1);
    size_t count, total;
    fill(&count, sizeof count), fill(&total, sizeof total);
    FAILS(NULL_POINTER, hepml_flows_shape(NULL, &count, &total));
    FAILS(NULL_POINTER, hepml_flows_shape(flows, NULL, &total));
    FAILS(NULL_POINTER, hepml_flows_shape(flows, &count, NULL));
    FAILS(MISALIGNED, hepml_flows_shape(flows, misaligned_size(), &total));
    FAILS(MISALIGNED, hepml_flows_shape(flows, &count, misaligned_size()));
    FAILS(INVALID_HANDLE, hepml_flows_shape(freed_flows(), &count, &total));
    CHECK(untouched(&count, sizeof count) && untouched(&total, sizeof total));
    OK(hepml_flows_free(&flows));
}

static void numbers_that_are_none(void) {
    hepml_flows *flows = NULL;
    double *const columns[3] = {events.pt, events.y, events.phi};
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        for (size_t column = 0; column < 3; column++) {
            prepare();
            columns[column][2 * EVENT_SIZE + 1] = wrong[i];
            FAILS_WITH(NOT_FINITE, "event 2", hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
        }
    }
    prepare();
    events.pt[2 * EVENT_SIZE + 1] = -1.0;
    FAILS_WITH(OUT_OF_RANGE, "event 2", hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    CHECK(flows == NULL);
}

const test flows_tests[] = {
    {"flows have their shape", flows_have_their_shape},
    {"bad arguments", bad_arguments},
    {"numbers that are none", numbers_that_are_none},
    {NULL, NULL},
};
