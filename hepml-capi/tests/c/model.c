#include "fixtures.h"

enum { ROWS = 10, OUTPUTS = 2, GUARD = 8 };

static const char *const names[3] = {TABLE_MODEL, SETS_MODEL, RATIO_MODEL};

static bool same(const double *a, const double *b, size_t count) {
    return memcmp(a, b, count * sizeof(double)) == 0;
}

static void models_say_what_they_are(void) {
    const hepml_model_info wanted[3] = {{HEPML_INPUT_TABLE, 0, 3, 2}, {HEPML_INPUT_SETS, 0, 0, 2}, {HEPML_INPUT_TABLE, 1, 2, 1}};
    for (size_t i = 0; i < LENGTH(names); i++) {
        hepml_model *model = new_model(names[i]);
        hepml_model_info info;
        OK(hepml_model_describe(model, &info));
        CHECK(info.input == wanted[i].input && info.is_ratio == wanted[i].is_ratio);
        CHECK(info.columns == wanted[i].columns && info.outputs == wanted[i].outputs);
        FAILS(NULL_POINTER, hepml_model_describe(model, NULL));
        FAILS(MISALIGNED, hepml_model_describe(model, (hepml_model_info *)misaligned_pointer()));
        OK(hepml_model_free(&model));
    }
    hepml_model_info info;
    fill(&info, sizeof info);
    FAILS(NULL_POINTER, hepml_model_describe(NULL, &info));
    FAILS(INVALID_HANDLE, hepml_model_describe(freed_model(), &info));
    CHECK(untouched(&info, sizeof info));
}

typedef hepml_status (*text_of_model)(const hepml_model *model, char *text, size_t capacity, size_t *length);

static void texts_know_their_length(void) {
    const text_of_model texts[2] = {hepml_model_metadata, hepml_model_report};
    for (size_t i = 0; i < LENGTH(names); i++) {
        hepml_model *model = new_model(names[i]);
        for (size_t j = 0; j < LENGTH(texts); j++) {
            size_t length = 0, other = 0;
            OK(texts[j](model, NULL, 0, &length));
            CHECK(length >= 2);
            char *text = (char *)malloc(length + 1 + GUARD);
            fill(text, length + 1 + GUARD);
            FAILS(CAPACITY, texts[j](model, text, length, &other));
            CHECK(other == length && untouched(text, length + 1 + GUARD));
            FAILS(CAPACITY, texts[j](model, text, 1, &other));
            CHECK(untouched(text, length + 1 + GUARD));
            OK(texts[j](model, text, length + 1, &other));
            CHECK(other == length && strlen(text) == length && untouched(text + length + 1, GUARD));
            CHECK(text[0] == '{' && text[length - 1] == '}');
            fill(text, length + 1 + GUARD);
            OK(texts[j](model, text, SIZE_MAX / 2, &other));
            CHECK(strlen(text) == length && untouched(text + length + 1, GUARD));
            if (j == 0) {
                CHECK(strstr(text, "\"kind\"") != NULL && strstr(text, "\"is_ratio\"") != NULL);
            }
            fill(text, length + 1 + GUARD);
            fill(&other, sizeof other);
            FAILS(NULL_POINTER, texts[j](NULL, text, length + 1, &other));
            FAILS(INVALID_HANDLE, texts[j](freed_model(), text, length + 1, &other));
            FAILS(NULL_POINTER, texts[j](model, NULL, length + 1, &other));
            FAILS(NULL_POINTER, texts[j](model, text, length + 1, NULL));
            FAILS(MISALIGNED, texts[j](model, text, length + 1, misaligned_size()));
            CHECK(untouched(text, length + 1 + GUARD) && untouched(&other, sizeof other));
            free(text);
        }
        OK(hepml_model_free(&model));
    }
}

static void models_go_to_bytes_and_back(void) {
    hepml_table *table = new_table(ROWS, 3, 4);
    hepml_model *model = new_model(TABLE_MODEL), *again = NULL, *from_file = NULL;
    size_t length = 0, other = 0;
    OK(hepml_model_to_bytes(model, NULL, 0, &length));
    uint8_t *bytes = (uint8_t *)malloc(length + GUARD);
    fill(bytes, length + GUARD);
    FAILS(CAPACITY, hepml_model_to_bytes(model, bytes, length - 1, &other));
    CHECK(other == length && untouched(bytes, length + GUARD));
    fill(&other, sizeof other);
    FAILS(NULL_POINTER, hepml_model_to_bytes(NULL, bytes, length, &other));
    FAILS(INVALID_HANDLE, hepml_model_to_bytes(freed_model(), bytes, length, &other));
    FAILS(NULL_POINTER, hepml_model_to_bytes(model, NULL, length, &other));
    FAILS(NULL_POINTER, hepml_model_to_bytes(model, bytes, length, NULL));
    FAILS(MISALIGNED, hepml_model_to_bytes(model, bytes, length, misaligned_size()));
    CHECK(untouched(bytes, length + GUARD) && untouched(&other, sizeof other));
    OK(hepml_model_to_bytes(model, bytes, length, &other));
    CHECK(other == length && untouched(bytes + length, GUARD));
    OK(hepml_model_from_bytes(bytes, length, &again));
    OK(hepml_model_save(model, in_folder("again.model")));
    OK(hepml_model_load(in_folder("again.model"), &from_file));
    double values[3][ROWS * OUTPUTS];
    OK(hepml_model_evaluate_table(model, table, 1, values[0], ROWS * OUTPUTS));
    OK(hepml_model_evaluate_table(again, table, 1, values[1], ROWS * OUTPUTS));
    OK(hepml_model_evaluate_table(from_file, table, 1, values[2], ROWS * OUTPUTS));
    CHECK(same(values[0], values[1], ROWS * OUTPUTS) && same(values[0], values[2], ROWS * OUTPUTS));
    OK(hepml_model_free(&model));
    OK(hepml_model_free(&again));
    OK(hepml_model_free(&from_file));
    OK(hepml_table_free(&table));
    free(bytes);
}

static void bad_paths(void) {
    hepml_model *model = NULL, *valid = new_model(RATIO_MODEL);
    FAILS(NULL_POINTER, hepml_model_load(NULL, &model));
    FAILS(NULL_POINTER, hepml_model_load(in_folder(RATIO_MODEL), NULL));
    FAILS(MISALIGNED, hepml_model_load(in_folder(RATIO_MODEL), (hepml_model **)misaligned_pointer()));
    FAILS(INVALID_UTF8, hepml_model_load("caf\xe9.model", &model));
    FAILS_WITH(IO, "missing.model", hepml_model_load(in_folder("missing.model"), &model));
    FAILS(IO, hepml_model_load("", &model));
    FAILS(IO, hepml_model_load(folder, &model));
    FAILS(NULL_POINTER, hepml_model_save(NULL, in_folder("never.model")));
    FAILS(INVALID_HANDLE, hepml_model_save(freed_model(), in_folder("never.model")));
    FAILS(NULL_POINTER, hepml_model_save(valid, NULL));
    FAILS(INVALID_UTF8, hepml_model_save(valid, "caf\xe9.model"));
    FAILS(IO, hepml_model_save(valid, ""));
    FAILS(IO, hepml_model_save(valid, folder));
    FAILS_WITH(IO, "missing/any.model", hepml_model_save(valid, in_folder("missing/any.model")));
    FAILS(IO, hepml_model_load(in_folder("never.model"), &model));
    CHECK(model == NULL);
    OK(hepml_model_free(&valid));
}

/* Whatever a file holds: a status, and never so much memory as it claims to need. */
static void broken_files(void) {
    hepml_model *model = NULL;
    const uint8_t empty_header[10] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, long_header[10] = {255, 255, 255, 255, 255, 255, 255, 127, '{', '}'};
    FAILS(NULL_POINTER, hepml_model_from_bytes(NULL, 1, &model));
    FAILS(NULL_POINTER, hepml_model_from_bytes(empty_header, sizeof empty_header, NULL));
    FAILS(MISALIGNED, hepml_model_from_bytes(empty_header, sizeof empty_header, (hepml_model **)misaligned_pointer()));
    FAILS(SHAPE, hepml_model_from_bytes(empty_header, SIZE_MAX, &model));
    FAILS(INVALID_MODEL, hepml_model_from_bytes(NULL, 0, &model));
    FAILS(INVALID_MODEL, hepml_model_from_bytes(empty_header, sizeof empty_header, &model));
    FAILS(INVALID_MODEL, hepml_model_from_bytes(long_header, sizeof long_header, &model));
    /* A header of nothing but brackets must not use up the stack. */
    enum { DEEP = 100000 };
    uint8_t *deep = (uint8_t *)malloc(8 + DEEP);
    for (size_t i = 0; i < 8; i++) {
        deep[i] = (uint8_t)((size_t)DEEP >> (8 * i));
    }
    memset(deep + 8, '[', DEEP);
    FAILS(INVALID_MODEL, hepml_model_from_bytes(deep, 8 + DEEP, &model));
    memcpy(deep + 8, "{\"__metadata__\":{\"hepml\":\"", 26);
    FAILS(INVALID_MODEL, hepml_model_from_bytes(deep, 8 + DEEP, &model));
    free(deep);
    CHECK(model == NULL);

    random_numbers numbers = {12};
    for (size_t i = 0; i < LENGTH(names); i++) {
        size_t length = 0;
        uint8_t *bytes = file_bytes(names[i], &length);
        if (bytes == NULL) {
            continue;
        }
        OK(hepml_model_from_bytes(bytes, length, &model));
        OK(hepml_model_free(&model));
        const size_t lengths[] = {1, 7, 8, 9, length / 2, length - 8, length - 1};
        for (size_t j = 0; j < LENGTH(lengths); j++) {
            FAILS(INVALID_MODEL, hepml_model_from_bytes(bytes, lengths[j], &model));
        }
        CHECK(model == NULL);
        for (size_t j = 0; j < 300; j++) {
            /* Most of what matters is at the beginning. A byte of a parameter may well change without making the file invalid. */
            const size_t place = (size_t)(random_bits(&numbers) % (j % 2 == 0 ? length : length < 2000 ? length : 2000));
            const uint8_t was = bytes[place];
            bytes[place] = (uint8_t)random_bits(&numbers);
            hepml_status status = hepml_model_from_bytes(bytes, length, &model);
            CHECK(status == HEPML_STATUS_OK ? model != NULL : model == NULL);
            CHECK(status != HEPML_STATUS_PANIC);
            OK(hepml_model_free(&model));
            bytes[place] = was;
        }
        free(bytes);
    }
}

static void tables_are_evaluated(void) {
    hepml_model *tagger = new_model(TABLE_MODEL), *ratio = new_model(RATIO_MODEL), *pfn = new_model(SETS_MODEL);
    hepml_table *three = new_table(ROWS, 3, 4), *two = new_table(ROWS, 2, 4), *none = new_table(0, 3, 4);
    double values[ROWS * OUTPUTS + GUARD], again[ROWS * OUTPUTS];
    FILL(values);
    OK(hepml_model_evaluate_table(tagger, three, 1, values, LENGTH(values)));
    CHECK(untouched(values + ROWS * OUTPUTS, GUARD * sizeof(double)));
    for (size_t i = 0; i < ROWS; i++) {
        NEAR(values[2 * i] + values[2 * i + 1], 1.0, 1e-6);
    }
    const size_t threads[] = {0, 2, 7};
    for (size_t i = 0; i < LENGTH(threads); i++) {
        OK(hepml_model_evaluate_table(tagger, three, threads[i], again, SIZE_MAX));
        CHECK(same(values, again, ROWS * OUTPUTS));
    }
    OK(hepml_model_evaluate_table(tagger, none, 1, NULL, 0));
    FILL(values);
    OK(hepml_model_evaluate_table(ratio, two, 1, values, ROWS));
    CHECK(isfinite(values[ROWS - 1]) && untouched(values + ROWS, sizeof(double)));

    FILL(values);
    FAILS(NULL_POINTER, hepml_model_evaluate_table(NULL, three, 1, values, LENGTH(values)));
    FAILS(NULL_POINTER, hepml_model_evaluate_table(tagger, NULL, 1, values, LENGTH(values)));
    FAILS(NULL_POINTER, hepml_model_evaluate_table(tagger, three, 1, NULL, LENGTH(values)));
    FAILS(MISALIGNED, hepml_model_evaluate_table(tagger, three, 1, misaligned_double(), LENGTH(values)));
    FAILS(INVALID_HANDLE, hepml_model_evaluate_table(freed_model(), three, 1, values, LENGTH(values)));
    FAILS(INVALID_HANDLE, hepml_model_evaluate_table(tagger, freed_table(), 1, values, LENGTH(values)));
    FAILS_WITH(CAPACITY, "20", hepml_model_evaluate_table(tagger, three, 1, values, ROWS * OUTPUTS - 1));
    FAILS(CAPACITY, hepml_model_evaluate_table(ratio, two, 1, values, ROWS - 1));
    FAILS(OUT_OF_RANGE, hepml_model_evaluate_table(tagger, three, 1025, values, LENGTH(values)));
    FAILS(OUT_OF_RANGE, hepml_model_evaluate_table(tagger, three, SIZE_MAX, values, LENGTH(values)));
    FAILS(SHAPE, hepml_model_evaluate_table(tagger, two, 1, values, LENGTH(values)));
    FAILS(SHAPE, hepml_model_evaluate_table(ratio, three, 1, values, LENGTH(values)));
    FAILS(WRONG_INPUT, hepml_model_evaluate_table(pfn, three, 1, values, LENGTH(values)));
    UNTOUCHED(values);
    OK(hepml_model_free(&tagger));
    OK(hepml_model_free(&ratio));
    OK(hepml_model_free(&pfn));
    OK(hepml_table_free(&three));
    OK(hepml_table_free(&two));
    OK(hepml_table_free(&none));
}

static void sets_are_evaluated(void) {
    hepml_model *pfn = new_model(SETS_MODEL), *tagger = new_model(TABLE_MODEL);
    hepml_sets *sets = new_sets();
    double values[EVENTS * OUTPUTS + GUARD], again[EVENTS * OUTPUTS];
    FILL(values);
    OK(hepml_model_evaluate_sets(pfn, sets, 1, values, LENGTH(values)));
    CHECK(untouched(values + EVENTS * OUTPUTS, GUARD * sizeof(double)));
    for (size_t i = 0; i < EVENTS; i++) {
        NEAR(values[2 * i] + values[2 * i + 1], 1.0, 1e-6);
    }
    const size_t threads[] = {0, 2, 7};
    for (size_t i = 0; i < LENGTH(threads); i++) {
        OK(hepml_model_evaluate_sets(pfn, sets, threads[i], again, SIZE_MAX));
        CHECK(same(values, again, EVENTS * OUTPUTS));
    }
    /* Events without particles have outputs too; lists without events have none. */
    const hepml_momenta nobody = {{NULL, NULL, NULL, NULL}, 0, 0, HEPML_COORDINATES_PX_PY_PZ_E};
    const size_t offsets[2] = {0, 0};
    hepml_sets *empty = NULL;
    OK(hepml_sets_new(&nobody, offsets, 1, NULL, NULL, 0, &empty));
    OK(hepml_model_evaluate_sets(pfn, empty, 1, again, OUTPUTS));
    NEAR(again[0] + again[1], 1.0, 1e-6);
    OK(hepml_sets_free(&empty));
    OK(hepml_sets_new(&nobody, offsets, 0, NULL, NULL, 0, &empty));
    OK(hepml_model_evaluate_sets(pfn, empty, 1, NULL, 0));
    OK(hepml_sets_free(&empty));

    FILL(values);
    FAILS(NULL_POINTER, hepml_model_evaluate_sets(NULL, sets, 1, values, LENGTH(values)));
    FAILS(NULL_POINTER, hepml_model_evaluate_sets(pfn, NULL, 1, values, LENGTH(values)));
    FAILS(NULL_POINTER, hepml_model_evaluate_sets(pfn, sets, 1, NULL, LENGTH(values)));
    FAILS(MISALIGNED, hepml_model_evaluate_sets(pfn, sets, 1, misaligned_double(), LENGTH(values)));
    FAILS(INVALID_HANDLE, hepml_model_evaluate_sets(freed_model(), sets, 1, values, LENGTH(values)));
    FAILS(INVALID_HANDLE, hepml_model_evaluate_sets(pfn, freed_sets(), 1, values, LENGTH(values)));
    FAILS_WITH(CAPACITY, "12", hepml_model_evaluate_sets(pfn, sets, 1, values, EVENTS * OUTPUTS - 1));
    FAILS(OUT_OF_RANGE, hepml_model_evaluate_sets(pfn, sets, 1025, values, LENGTH(values)));
    FAILS(OUT_OF_RANGE, hepml_model_evaluate_sets(pfn, sets, SIZE_MAX, values, LENGTH(values)));
    FAILS(WRONG_INPUT, hepml_model_evaluate_sets(tagger, sets, 1, values, LENGTH(values)));
    UNTOUCHED(values);
    OK(hepml_model_free(&pfn));
    OK(hepml_model_free(&tagger));
    OK(hepml_sets_free(&sets));
}

const test model_tests[] = {
    {"models say what they are", models_say_what_they_are},
    {"texts know their length", texts_know_their_length},
    {"models go to bytes and back", models_go_to_bytes_and_back},
    {"bad paths", bad_paths},
    {"broken files", broken_files},
    {"tables are evaluated", tables_are_evaluated},
    {"sets are evaluated", sets_are_evaluated},
    {NULL, NULL},
};
