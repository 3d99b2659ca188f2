/* Several threads at once: messages of their own, one handle for all, handles freed while others use them. */
#include "fixtures.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 200 };

typedef struct worker {
    size_t number;
    hepml_divergence *emd;
    hepml_flows *flows;
    hepml_model *model;
    hepml_sets *sets;
    const double *values, *outputs;
} worker;

static void run(void *(*work)(void *), worker *workers) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].number = i;
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void *fail_differently(void *given) {
    const worker *self = (const worker *)given;
    char own[32];
    CHECK(strcmp(hepml_last_error_message(), "") == 0);
    snprintf(own, sizeof own, "the panic of thread %zu", self->number);
    for (size_t i = 0; i < ROUNDS; i++) {
        CHECK(hepml_self_test_panic(own) == HEPML_STATUS_PANIC);
        CHECK(strstr(hepml_last_error_message(), own) != NULL);
    }
    return NULL;
}

static void messages_are_of_their_thread(void) {
    worker workers[THREADS] = {{0, NULL, NULL, NULL, NULL, NULL, NULL}};
    CHECK(hepml_self_test_panic("the panic of the main thread") == HEPML_STATUS_PANIC);
    run(fail_differently, workers);
    CHECK(strstr(hepml_last_error_message(), "the panic of the main thread") != NULL);
}

enum { PAIRS = EVENTS * (EVENTS - 1) / 2 };

static void *use_the_same(void *given) {
    const worker *self = (const worker *)given;
    double values[PAIRS], outputs[2 * EVENTS];
    for (size_t i = 0; i < ROUNDS / 4; i++) {
        OK(hepml_divergence_pairwise(self->emd, self->flows, 1 + i % 2, NULL, NULL, values, PAIRS, NULL));
        OK(hepml_model_evaluate_sets(self->model, self->sets, 1 + i % 2, outputs, 2 * EVENTS));
        CHECK(memcmp(values, self->values, sizeof values) == 0 && memcmp(outputs, self->outputs, sizeof outputs) == 0);
    }
    return NULL;
}

static void one_handle_is_enough_for_all(void) {
    hepml_divergence *emd = new_emd();
    hepml_flows *flows = new_flows(1);
    hepml_model *model = new_model(SETS_MODEL);
    hepml_sets *sets = new_sets();
    double values[PAIRS], outputs[2 * EVENTS];
    OK(hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, values, PAIRS, NULL));
    OK(hepml_model_evaluate_sets(model, sets, 1, outputs, 2 * EVENTS));
    worker workers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        worker made = {i, emd, flows, model, sets, values, outputs};
        workers[i] = made;
    }
    run(use_the_same, workers);
    OK(hepml_sets_free(&sets));
    OK(hepml_model_free(&model));
    OK(hepml_flows_free(&flows));
    OK(hepml_divergence_free(&emd));
}

static pthread_mutex_t meeting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int stage;

static void enter(int next) {
    pthread_mutex_lock(&meeting);
    stage = next > stage ? next : stage;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&meeting);
}

static void wait_for(int wanted) {
    pthread_mutex_lock(&meeting);
    while (stage < wanted) {
        pthread_cond_wait(&moved, &meeting);
    }
    pthread_mutex_unlock(&meeting);
}

/* In the middle of the matrix: lets the other thread free both handles, and goes on. */
static int32_t let_others_free(const hepml_progress *progress, void *user) {
    (void)progress, (void)user;
    enter(1);
    wait_for(2);
    return 0;
}

static void *free_in_use(void *given) {
    worker *self = (worker *)given;
    wait_for(1);
    OK(hepml_flows_free(&self->flows));
    OK(hepml_divergence_free(&self->emd));
    enter(2);
    return NULL;
}

static void freed_in_use_lives_until_the_call_is_over(void) {
    worker owner = {0, new_emd(), new_flows(1), NULL, NULL, NULL, NULL};
    const hepml_divergence *emd = owner.emd;
    const hepml_flows *flows = owner.flows;
    double quiet[PAIRS], values[PAIRS];
    OK(hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, quiet, PAIRS, NULL));
    stage = 0;
    pthread_t other;
    CHECK(pthread_create(&other, NULL, free_in_use, &owner) == 0);
    OK(hepml_divergence_pairwise(emd, flows, 2, let_others_free, NULL, values, PAIRS, NULL));
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(memcmp(quiet, values, sizeof values) == 0);
    FAILS(INVALID_HANDLE, hepml_divergence_pairwise(emd, flows, 1, NULL, NULL, values, PAIRS, NULL));
}

static hepml_divergence *contested;

static void *race_to_free(void *given) {
    const worker *self = (const worker *)given;
    hepml_divergence *copy = contested;
    double exponent;
    hepml_status used = hepml_divergence_exponent(copy, &exponent);
    CHECK(used == HEPML_STATUS_OK || used == HEPML_STATUS_INVALID_HANDLE);
    hepml_status freed = hepml_divergence_free(&copy);
    CHECK(freed == HEPML_STATUS_OK || freed == HEPML_STATUS_INVALID_HANDLE);
    return freed == HEPML_STATUS_OK ? (void *)self : NULL;
}

static void one_of_several_frees_wins(void) {
    for (size_t round = 0; round < ROUNDS; round++) {
        contested = new_emd();
        worker workers[THREADS] = {{0, NULL, NULL, NULL, NULL, NULL, NULL}};
        pthread_t threads[THREADS];
        size_t winners = 0;
        for (size_t i = 0; i < THREADS; i++) {
            CHECK(pthread_create(&threads[i], NULL, race_to_free, &workers[i]) == 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            void *won = NULL;
            CHECK(pthread_join(threads[i], &won) == 0);
            winners += won != NULL;
        }
        CHECK(winners == 1);
    }
}

const test threads_tests[] = {
    {"messages are of their thread", messages_are_of_their_thread},
    {"one handle is enough for all", one_handle_is_enough_for_all},
    {"freed in use lives until the call is over", freed_in_use_lives_until_the_call_is_over},
    {"one of several frees wins", one_of_several_frees_wins},
    {NULL, NULL},
};
