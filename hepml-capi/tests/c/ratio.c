/* Fitting ratios: options, weights, stopping. */
#include "fixtures.h"

enum { ROWS = 200, COLUMNS = 2 };

static const int32_t learners[2] = {HEPML_LEARNER_TREES, HEPML_LEARNER_MLP};

static hepml_table *sample(double shift, uint64_t seed) {
    random_numbers numbers = {seed};
    double data[ROWS * COLUMNS];
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        data[i] = random_number(&numbers) + random_number(&numbers) + (i % 2 == 0 ? shift : 0.0);
    }
    hepml_table *table = NULL;
    OK(hepml_table_from_rows(data, ROWS, COLUMNS, &table));
    return table;
}

static hepml_table *numerator, *denominator;

static void prepare(void) {
    numerator = sample(0.5, 1);
    denominator = sample(0.0, 2);
}

static void put_away(void) {
    OK(hepml_table_free(&numerator));
    OK(hepml_table_free(&denominator));
}

static hepml_status fit(int32_t learner, const char *options, hepml_progress_callback progress, void *user, hepml_model **model) {
    return hepml_ratio_fit(learner, options, numerator, NULL, 0, denominator, NULL, 0, 1, 1, progress, user, model);
}

static void options_know_their_length(void) {
    enum { ROOM = 1 << 16 };
    static char text[ROOM];
    for (size_t i = 0; i < LENGTH(learners); i++) {
        size_t length = 0, other;
        fill(&other, sizeof other), FILL(text);
        OK(hepml_learner_options(learners[i], NULL, 0, &length));
        CHECK(length > 2 && length < ROOM);
        FAILS(NULL_POINTER, hepml_learner_options(learners[i], NULL, ROOM, &other));
        FAILS(NULL_POINTER, hepml_learner_options(learners[i], text, ROOM, NULL));
        FAILS(MISALIGNED, hepml_learner_options(learners[i], text, ROOM, misaligned_size()));
        CHECK(untouched(&other, sizeof other));
        FAILS(CAPACITY, hepml_learner_options(learners[i], text, length, &other));
        CHECK(other == length);
        UNTOUCHED(text);
        OK(hepml_learner_options(learners[i], text, length + 1, &other));
        CHECK(strlen(text) == length && untouched(text + length + 1, ROOM - length - 1));
    }
    const int32_t wrong[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        size_t length = 0;
        FAILS(INVALID_ENUM, hepml_learner_options(wrong[i], NULL, 0, &length));
    }
}

static int32_t count_calls(const hepml_progress *progress, void *user) {
    CHECK(progress->stage != NULL);
    *(size_t *)user += 1;
    return 0;
}

/* The same seed gives the same bits, and a shift to the right is seen. */
static void fits_are_repeatable(void) {
    prepare();
    for (size_t i = 0; i < LENGTH(learners); i++) {
        double values[2][2 * ROWS];
        size_t calls = 0;
        for (size_t threads = 1; threads <= 2; threads++) {
            hepml_model *model = NULL;
            OK(hepml_ratio_fit(learners[i], NULL, numerator, NULL, 0, denominator, NULL, 0, 3, threads, count_calls, &calls, &model));
            hepml_model_info info;
            OK(hepml_model_describe(model, &info));
            CHECK(info.input == HEPML_INPUT_TABLE && info.is_ratio == 1 && info.columns == COLUMNS && info.outputs == 1);
            OK(hepml_model_evaluate_table(model, numerator, 1, values[threads - 1], ROWS));
            OK(hepml_model_evaluate_table(model, denominator, 1, values[threads - 1] + ROWS, ROWS));
            size_t length = 0;
            OK(hepml_model_report(model, NULL, 0, &length));
            CHECK(length > 2);
            OK(hepml_model_free(&model));
        }
        CHECK(calls > 0 && memcmp(values[0], values[1], sizeof values[0]) == 0);
        double right = 0.0, left = 0.0;
        for (size_t j = 0; j < ROWS; j++) {
            right += values[0][j] / ROWS, left += values[0][ROWS + j] / ROWS;
        }
        CHECK(right > left);
    }
    put_away();
}

static void weights_count(void) {
    prepare();
    double weights[ROWS], values[2][ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        weights[i] = 1.0;
    }
    for (size_t run = 0; run < 2; run++) {
        hepml_model *model = NULL;
        OK(hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, run == 0 ? NULL : weights, run == 0 ? 0 : ROWS, denominator, run == 0 ? NULL : weights, run == 0 ? 0 : ROWS, 1, 1, NULL, NULL, &model));
        OK(hepml_model_evaluate_table(model, numerator, 1, values[run], ROWS));
        OK(hepml_model_free(&model));
    }
    CHECK(memcmp(values[0], values[1], sizeof values[0]) == 0);

    hepml_model *model = NULL;
    const size_t counts[] = {0, 1, ROWS - 1, ROWS + 1};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        FAILS_WITH(SHAPE, "numerator", hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, weights, counts[i], denominator, NULL, 0, 1, 1, NULL, NULL, &model));
        FAILS_WITH(SHAPE, "denominator", hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, NULL, 0, denominator, weights, counts[i], 1, 1, NULL, NULL, &model));
    }
    FAILS(SHAPE, hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, weights, SIZE_MAX, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(NULL_POINTER, hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, NULL, ROWS, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(NULL_POINTER, hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, NULL, 0, denominator, NULL, ROWS, 1, 1, NULL, NULL, &model));
    FAILS(MISALIGNED, hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, misaligned_double(), ROWS, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(MISALIGNED, hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, NULL, 0, denominator, misaligned_double(), ROWS, 1, 1, NULL, NULL, &model));
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        weights[17] = wrong[i];
        FAILS_WITH(NOT_FINITE, "17", hepml_ratio_fit(HEPML_LEARNER_TREES, NULL, numerator, weights, ROWS, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
        FAILS_WITH(NOT_FINITE, "17", hepml_ratio_fit(HEPML_LEARNER_MLP, NULL, numerator, NULL, 0, denominator, weights, ROWS, 1, 1, NULL, NULL, &model));
    }
    CHECK(model == NULL);
    put_away();
}

static void bad_options(void) {
    prepare();
    hepml_model *model = NULL;
    const char *const wrong[] = {"", " ", "{", "}", "null", "[]", "1", "\"text\"", "{} {}", "{\"no such option\": 1}", "{\"\": 0}", "{'a': 1}", "{\"a\": NaN}"};
    for (size_t i = 0; i < LENGTH(learners); i++) {
        for (size_t j = 0; j < LENGTH(wrong); j++) {
            FAILS(INVALID_OPTIONS, fit(learners[i], wrong[j], NULL, NULL, &model));
        }
        FAILS_WITH(INVALID_OPTIONS, "no such option", fit(learners[i], "{\"no such option\": 1}", NULL, NULL, &model));
        FAILS(INVALID_UTF8, fit(learners[i], "{\"caf\xe9\": 1}", NULL, NULL, &model));
        /* Brackets upon brackets must not use up the stack. */
        enum { DEEP = 1000000 };
        char *deep = (char *)malloc(DEEP + 1);
        memset(deep, '[', DEEP);
        deep[DEEP] = '\0';
        FAILS(INVALID_OPTIONS, fit(learners[i], deep, NULL, NULL, &model));
        for (size_t j = 0; j + 5 <= DEEP; j += 5) {
            memcpy(deep + j, "{\"a\":", 5);
        }
        FAILS(INVALID_OPTIONS, fit(learners[i], deep, NULL, NULL, &model));
        free(deep);
    }
    CHECK(model == NULL);
    put_away();
}

/* Each option of each learner, as the library itself lists them, with values that are none: always a status. */
static void options_with_wrong_values(void) {
    prepare();
    static char text[1 << 16], options[256];
    const char *const wrong[] = {"-1", "-1e308", "1e999", "18446744073709551616", "\"text\"", "[[[]]]", "{\"a\":{}}", "true"};
    for (size_t i = 0; i < LENGTH(learners); i++) {
        size_t length = 0;
        OK(hepml_learner_options(learners[i], text, sizeof text, &length));
        /* The names of the outermost object. */
        int depth = 0;
        size_t names = 0;
        for (const char *at = text; *at != '\0'; at++) {
            if (*at == '{' || *at == '[') {
                depth++;
            } else if (*at == '}' || *at == ']') {
                depth--;
            } else if (*at == '"') {
                const char *end = strchr(at + 1, '"');
                if (end == NULL) {
                    break;
                }
                const char *next = end + 1 + strspn(end + 1, " \n");
                if (depth == 1 && *next == ':') {
                    names++;
                    for (size_t j = 0; j < LENGTH(wrong); j++) {
                        snprintf(options, sizeof options, "{%.*s: %s}", (int)(end + 1 - at), at, wrong[j]);
                        hepml_model *model = NULL;
                        leave_other_message();
                        hepml_status status = fit(learners[i], options, NULL, NULL, &model);
                        if (status == HEPML_STATUS_OK) {
                            OK(hepml_model_free(&model));
                        } else if ((status != HEPML_STATUS_INVALID_OPTIONS && status != HEPML_STATUS_OUT_OF_RANGE) || model != NULL) {
                            report_failure(__FILE__, __LINE__, options, hepml_last_error_message());
                        }
                    }
                }
                at = end;
            }
        }
        CHECK(names > 3);
    }
    put_away();
}

static void bad_arguments(void) {
    prepare();
    hepml_model *model = NULL;
    const int32_t trees = HEPML_LEARNER_TREES;
    hepml_table *other = new_table(ROWS, COLUMNS + 1, 3), *none = new_table(0, COLUMNS, 3), *one = new_table(1, COLUMNS, 3);
    FAILS(NULL_POINTER, hepml_ratio_fit(trees, NULL, NULL, NULL, 0, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(NULL_POINTER, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, NULL, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(NULL_POINTER, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, denominator, NULL, 0, 1, 1, NULL, NULL, NULL));
    FAILS(MISALIGNED, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, denominator, NULL, 0, 1, 1, NULL, NULL, (hepml_model **)misaligned_pointer()));
    FAILS(INVALID_HANDLE, hepml_ratio_fit(trees, NULL, freed_table(), NULL, 0, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(INVALID_HANDLE, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, freed_table(), NULL, 0, 1, 1, NULL, NULL, &model));
    FAILS(OUT_OF_RANGE, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, denominator, NULL, 0, 1, 1025, NULL, NULL, &model));
    FAILS(OUT_OF_RANGE, hepml_ratio_fit(trees, NULL, numerator, NULL, 0, denominator, NULL, 0, 1, SIZE_MAX, NULL, NULL, &model));
    const int32_t wrong[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        FAILS(INVALID_ENUM, fit(wrong[i], NULL, NULL, NULL, &model));
    }
    for (size_t i = 0; i < LENGTH(learners); i++) {
        FAILS(SHAPE, hepml_ratio_fit(learners[i], NULL, numerator, NULL, 0, other, NULL, 0, 1, 1, NULL, NULL, &model));
        FAILS(EMPTY, hepml_ratio_fit(learners[i], NULL, none, NULL, 0, denominator, NULL, 0, 1, 1, NULL, NULL, &model));
        FAILS(EMPTY, hepml_ratio_fit(learners[i], NULL, numerator, NULL, 0, none, NULL, 0, 1, 1, NULL, NULL, &model));
        hepml_status status = hepml_ratio_fit(learners[i], NULL, one, NULL, 0, one, NULL, 0, 1, 1, NULL, NULL, &model);
        CHECK(status != HEPML_STATUS_PANIC);
        OK(hepml_model_free(&model));
    }
    OK(hepml_table_free(&other));
    OK(hepml_table_free(&none));
    OK(hepml_table_free(&one));
    put_away();
}

typedef struct stopper {
    size_t calls, stop_at;
} stopper;

static int32_t stop(const hepml_progress *progress, void *user) {
    (void)progress;
    stopper *self = (stopper *)user;
    self->calls += 1;
    return self->calls >= self->stop_at;
}

static void fits_can_be_stopped(void) {
    prepare();
    const size_t calls[] = {1, 2, 5, 10};
    for (size_t i = 0; i < LENGTH(learners); i++) {
        size_t models = 0;
        for (size_t j = 0; j < LENGTH(calls); j++) {
            hepml_model *model = NULL;
            stopper stopper = {0, calls[j]};
            FAILS(STOPPED, fit(learners[i], NULL, stop, &stopper, &model));
            CHECK(stopper.calls == calls[j]);
            if (model != NULL) {
                double values[ROWS];
                size_t length = 0;
                static char report[1 << 16];
                OK(hepml_model_evaluate_table(model, numerator, 1, values, ROWS));
                OK(hepml_model_report(model, report, sizeof report, &length));
                CHECK(strstr(report, "\"stopped\"") != NULL);
                OK(hepml_model_free(&model));
                models++;
            }
        }
        CHECK(models > 0);
    }
    put_away();
}

const test ratio_tests[] = {
    {"options know their length", options_know_their_length},
    {"fits are repeatable", fits_are_repeatable},
    {"weights count", weights_count},
    {"bad options", bad_options},
    {"options with wrong values", options_with_wrong_values},
    {"bad arguments", bad_arguments},
    {"fits can be stopped", fits_can_be_stopped},
    {NULL, NULL},
};
