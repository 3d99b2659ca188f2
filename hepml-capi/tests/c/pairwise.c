/* Matrices of divergences: threads, progress, stopping, errors on the way. */
#include "fixtures.h"

enum { MANY = 40, MANY_PAIRS = MANY * (MANY - 1) / 2, FEW_PAIRS = EVENTS * (EVENTS - 1) / 2, SQUARE = MANY * MANY, GUARD = 8 };

/* MANY events of 1 to 10 particles. */
static hepml_flows *many_flows(void) {
    random_numbers numbers = {11};
    static double pt[MANY * 10], y[MANY * 10], phi[MANY * 10];
    size_t offsets[MANY + 1] = {0};
    for (size_t event = 0; event < MANY; event++) {
        offsets[event + 1] = offsets[event] + 1 + event % 10;
    }
    for (size_t i = 0; i < offsets[MANY]; i++) {
        pt[i] = 1.0 + 9.0 * random_number(&numbers);
        y[i] = random_number(&numbers) - 0.5;
        phi[i] = random_number(&numbers) - 0.5;
    }
    hepml_particles particles = {pt, y, phi, 1, offsets[MANY]};
    hepml_flows *flows = NULL;
    OK(hepml_flows_new(&particles, offsets, MANY, &flows));
    return flows;
}

typedef struct watcher {
    size_t calls, stop_at; /* the call that stops, counted from 1; 0: none */
    uint64_t last_step;
    bool in_order;
    int32_t answer;
} watcher;

static int32_t watch(const hepml_progress *progress, void *user) {
    watcher *self = (watcher *)user;
    self->calls += 1;
    self->in_order = self->in_order && progress->stage != NULL && progress->step >= self->last_step && (progress->total == 0 || progress->step <= progress->total);
    for (size_t i = 0; i < progress->measure_count; i++) {
        self->in_order = self->in_order && progress->measure_names[i] != NULL && progress->measure_values[i] == progress->measure_values[i];
    }
    self->last_step = progress->step;
    return self->stop_at != 0 && self->calls >= self->stop_at ? self->answer : 0;
}

static watcher stop_at(size_t call, int32_t answer) {
    watcher made = {0, call, 0, true, answer};
    return made;
}

static bool same(const double *a, const double *b, size_t count) {
    return memcmp(a, b, count * sizeof(double)) == 0;
}

static void numbers_do_not_depend_on_threads(void) {
    hepml_divergence *emd = new_emd();
    hepml_flows *flows = many_flows();
    static double one[MANY_PAIRS], several[MANY_PAIRS], square[SQUARE], again[SQUARE];
    size_t done = 0;
    OK(hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, one, MANY_PAIRS, &done));
    CHECK(done == MANY_PAIRS);
    const size_t threads[] = {0, 2, 3, 8};
    for (size_t i = 0; i < LENGTH(threads); i++) {
        FILL(several);
        watcher watcher = stop_at(0, 0);
        OK(hepml_divergence_pairwise(emd, flows, threads[i], watch, &watcher, several, SIZE_MAX, NULL));
        CHECK(same(one, several, MANY_PAIRS) && watcher.calls > 0 && watcher.in_order);
    }
    OK(hepml_divergence_cross(emd, flows, flows, 1, NULL, NULL, square, SQUARE, &done));
    CHECK(done == SQUARE);
    watcher watcher = stop_at(0, 0);
    OK(hepml_divergence_cross(emd, flows, flows, 2, watch, &watcher, again, SQUARE, NULL));
    CHECK(same(square, again, SQUARE) && watcher.calls > 0 && watcher.in_order);
    /* Packed: the pairs i < j, row after row. */
    size_t pair = 0;
    for (size_t i = 0; i < MANY; i++) {
        CHECK(square[i * MANY + i] == 0.0);
        for (size_t j = i + 1; j < MANY; j++) {
            CHECK(square[i * MANY + j] == one[pair++]);
        }
    }
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

static void stopping_keeps_what_is_done(void) {
    hepml_divergence *emd = new_emd();
    hepml_flows *flows = many_flows();
    static double full[SQUARE], values[SQUARE];
    const int32_t answers[] = {1, -1, INT32_MIN};
    for (int cross = 0; cross < 2; cross++) {
        const size_t needed = cross ? SQUARE : MANY_PAIRS;
        size_t calls = 0, earlier = 0;
        for (size_t stop = 0;; stop++) {
            for (size_t threads = 1; threads <= 2; threads++) {
                FILL(values);
                size_t done = SIZE_MAX;
                watcher watcher = stop_at(stop, answers[stop % LENGTH(answers)]);
                leave_other_message();
                hepml_status status = cross ? hepml_divergence_cross(emd, flows, flows, threads, watch, &watcher, values, needed, &done)
                                            : hepml_divergence_pairwise(emd, flows, threads, watch, &watcher, values, needed, &done);
                if (stop == 0) {
                    /* Nobody stops: how often it is called. */
                    check_status(status, HEPML_STATUS_OK, NULL, "a full run", __FILE__, __LINE__);
                    calls = watcher.calls > calls ? watcher.calls : calls;
                    CHECK(done == needed);
                    memcpy(full, values, sizeof full);
                    continue;
                }
                CHECK(done <= needed && same(full, values, done <= needed ? done : 0));
                CHECK(watcher.calls <= stop);
                if (status == HEPML_STATUS_OK) {
                    CHECK(done == needed);
                } else {
                    check_status(status, HEPML_STATUS_STOPPED, "", "a stopped run", __FILE__, __LINE__);
                }
                if (threads == 1) {
                    CHECK(done >= earlier && (stop > 1 || status == HEPML_STATUS_STOPPED));
                    earlier = done;
                }
            }
            if (stop > 0 && stop >= calls) {
                break;
            }
        }
        CHECK(earlier > 0);
    }
    /* Without `done` there is no telling how much there is, but it stops all the same. */
    watcher watcher = stop_at(1, 1);
    FAILS(STOPPED, hepml_divergence_pairwise(emd, flows, 1, watch, &watcher, values, MANY_PAIRS, NULL));
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

typedef struct nested {
    hepml_divergence *emd;
    hepml_flows *flows, *to_free;
    size_t depth;
    bool done;
} nested;

/* Calls what it can: failing calls, panics, another matrix with this very callback, freeing what the outer call uses. */
static int32_t call_back(const hepml_progress *progress, void *user) {
    (void)progress;
    nested *self = (nested *)user;
    if (self->done) {
        return 0;
    }
    double values[FEW_PAIRS];
    if (self->depth < 3) {
        self->depth += 1;
        OK(hepml_divergence_pairwise(self->emd, self->flows, 1 + self->depth % 2, call_back, user, values, FEW_PAIRS, NULL));
        self->depth -= 1;
    } else {
        self->done = true;
        FAILS(NULL_POINTER, hepml_divergence_pairwise(NULL, NULL, 1, NULL, NULL, NULL, 0, NULL));
        CHECK(hepml_self_test_panic("in a callback") == HEPML_STATUS_PANIC);
        hepml_table *table = new_table(2, 2, 1);
        OK(hepml_table_free(&table));
        OK(hepml_flows_free(&self->to_free));
    }
    return 0;
}

static void callbacks_may_call_the_library(void) {
    hepml_divergence *emd = new_emd();
    hepml_flows *flows = new_flows(2), *used = many_flows(), *copy = used;
    static double quiet[MANY_PAIRS], values[MANY_PAIRS];
    OK(hepml_divergence_pairwise(emd, used, 1, NULL, NULL, quiet, MANY_PAIRS, NULL));
    nested user = {emd, flows, used, 0, false};
    OK(hepml_divergence_pairwise(emd, copy, 2, call_back, &user, values, MANY_PAIRS, NULL));
    CHECK(user.done && user.to_free == NULL && same(quiet, values, MANY_PAIRS));
    FAILS(INVALID_HANDLE, hepml_divergence_pairwise(emd, copy, 1, NULL, NULL, values, MANY_PAIRS, NULL));
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

/* The last event but one has no energy, which a normalising EMD cannot compare with anything. */
static void errors_on_the_way_keep_what_is_done(void) {
    list events;
    make_list(&events, 3);
    for (size_t i = 0; i < EVENT_SIZE; i++) {
        events.pt[events.offsets[EVENTS - 2] + i] = 0.0;
    }
    hepml_particles particles = list_particles(&events);
    hepml_flows *flows = NULL;
    hepml_divergence *emd = NULL;
    OK(hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    OK(hepml_divergence_new_emd(1.0, 1.0, 1, 1, &emd));
    for (size_t threads = 1; threads <= 2; threads++) {
        double values[FEW_PAIRS];
        FILL(values);
        size_t done = SIZE_MAX;
        /* The pairs of event 0 with 1, 2, 3 precede the one with 4. */
        FAILS_WITH(OUT_OF_RANGE, "4", hepml_divergence_pairwise(emd, flows, threads, NULL, NULL, values, FEW_PAIRS, &done));
        CHECK(done <= EVENTS - 3);
        for (size_t i = 0; i < FEW_PAIRS; i++) {
            if (i < done) {
                hepml_particles a = particles, b = particles;
                a.count = b.count = EVENT_SIZE;
                b.pt += (1 + i) * EVENT_SIZE, b.y += (1 + i) * EVENT_SIZE, b.phi += (1 + i) * EVENT_SIZE;
                double value = -1.0;
                OK(hepml_divergence_value(emd, &a, &b, &value));
                CHECK(value == values[i]);
            }
        }
    }
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

static void bad_arguments(void) {
    hepml_divergence *emd = new_emd();
    hepml_flows *flows = new_flows(1);
    enum { CROSS = EVENTS * EVENTS };
    double values[CROSS + GUARD];
    FILL(values);
    size_t done = 7;
    FAILS(NULL_POINTER, hepml_divergence_pairwise(NULL, flows, 1, NULL, NULL, values, FEW_PAIRS, &done));
    FAILS(NULL_POINTER, hepml_divergence_pairwise(emd, NULL, 1, NULL, NULL, values, FEW_PAIRS, &done));
    FAILS(NULL_POINTER, hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, NULL, FEW_PAIRS, &done));
    FAILS(MISALIGNED, hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, misaligned_double(), FEW_PAIRS, &done));
    FAILS(MISALIGNED, hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, values, FEW_PAIRS, misaligned_size()));
    FAILS(INVALID_HANDLE, hepml_divergence_pairwise(freed_divergence(), flows, 1, NULL, NULL, values, FEW_PAIRS, &done));
    FAILS(INVALID_HANDLE, hepml_divergence_pairwise(emd, freed_flows(), 1, NULL, NULL, values, FEW_PAIRS, &done));
    FAILS_WITH(CAPACITY, "15", hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, values, FEW_PAIRS - 1, &done));
    FAILS(CAPACITY, hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, NULL, 0, &done));
    FAILS(NULL_POINTER, hepml_divergence_cross(NULL, flows, flows, 1, NULL, NULL, values, CROSS, &done));
    FAILS(NULL_POINTER, hepml_divergence_cross(emd, NULL, flows, 1, NULL, NULL, values, CROSS, &done));
    FAILS(NULL_POINTER, hepml_divergence_cross(emd, flows, NULL, 1, NULL, NULL, values, CROSS, &done));
    FAILS(NULL_POINTER, hepml_divergence_cross(emd, flows, flows, 1, NULL, NULL, NULL, CROSS, &done));
    FAILS(MISALIGNED, hepml_divergence_cross(emd, flows, flows, 1, NULL, NULL, misaligned_double(), CROSS, &done));
    FAILS(MISALIGNED, hepml_divergence_cross(emd, flows, flows, 1, NULL, NULL, values, CROSS, misaligned_size()));
    FAILS(INVALID_HANDLE, hepml_divergence_cross(freed_divergence(), flows, flows, 1, NULL, NULL, values, CROSS, &done));
    FAILS(INVALID_HANDLE, hepml_divergence_cross(emd, freed_flows(), flows, 1, NULL, NULL, values, CROSS, &done));
    FAILS(INVALID_HANDLE, hepml_divergence_cross(emd, flows, freed_flows(), 1, NULL, NULL, values, CROSS, &done));
    FAILS_WITH(CAPACITY, "36", hepml_divergence_cross(emd, flows, flows, 1, NULL, NULL, values, CROSS - 1, &done));
    const size_t threads[] = {1025, SIZE_MAX, SIZE_MAX / 2};
    for (size_t i = 0; i < LENGTH(threads); i++) {
        FAILS_WITH(OUT_OF_RANGE, "threads", hepml_divergence_pairwise(emd, flows, threads[i], NULL, NULL, values, FEW_PAIRS, &done));
        FAILS_WITH(OUT_OF_RANGE, "threads", hepml_divergence_cross(emd, flows, flows, threads[i], NULL, NULL, values, CROSS, &done));
    }
    UNTOUCHED(values);
    CHECK(done == 7 || done == 0);

    /* What is behind the last value stays as it was, whatever the capacity. */
    OK(hepml_divergence_pairwise(emd, flows, 2, NULL, NULL, values, CROSS + GUARD, &done));
    CHECK(done == FEW_PAIRS && untouched(values + FEW_PAIRS, (CROSS + GUARD - FEW_PAIRS) * sizeof(double)));
    OK(hepml_divergence_cross(emd, flows, flows, 2, NULL, NULL, values, CROSS + GUARD, &done));
    CHECK(done == CROSS && untouched(values + CROSS, GUARD * sizeof(double)));

    /* One event has no pair. */
    list events;
    make_list(&events, 1);
    hepml_particles particles = list_particles(&events);
    particles.count = EVENT_SIZE;
    hepml_flows *single = NULL;
    OK(hepml_flows_new(&particles, events.offsets, 1, &single));
    OK(hepml_divergence_pairwise(emd, single, 1, NULL, NULL, NULL, 0, &done));
    CHECK(done == 0);
    OK(hepml_flows_free(&single));
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

const test pairwise_tests[] = {
    {"numbers do not depend on threads", numbers_do_not_depend_on_threads},
    {"stopping keeps what is done", stopping_keeps_what_is_done},
    {"callbacks may call the library", callbacks_may_call_the_library},
    {"errors on the way keep what is done", errors_on_the_way_keep_what_is_done},
    {"bad arguments", bad_arguments},
    {NULL, NULL},
};
