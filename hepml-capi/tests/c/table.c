#include "fixtures.h"

static const double DATA[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0};

static void tables_have_their_shape(void) {
    hepml_table *table = NULL;
    size_t rows = 0, columns = 0;
    OK(hepml_table_from_rows(DATA, 2, 3, &table));
    OK(hepml_table_shape(table, &rows, &columns));
    CHECK(rows == 2 && columns == 3);
    OK(hepml_table_free(&table));

    const double *const parts[3] = {DATA, DATA + 2, DATA + 4};
    OK(hepml_table_from_columns(parts, 3, 2, &table));
    OK(hepml_table_shape(table, &rows, &columns));
    CHECK(rows == 2 && columns == 3);
    OK(hepml_table_free(&table));

    OK(hepml_table_from_rows(NULL, 0, 3, &table));
    OK(hepml_table_shape(table, &rows, &columns));
    CHECK(rows == 0 && columns == 3);
    OK(hepml_table_free(&table));

    const double *const nowhere[3] = {NULL, NULL, NULL};
    OK(hepml_table_from_columns(nowhere, 3, 0, &table));
    OK(hepml_table_shape(table, &rows, &columns));
    CHECK(rows == 0 && columns == 3);
    OK(hepml_table_free(&table));
}

static void bad_arguments(void) {
    hepml_table *table, *before;
    fill(&table, sizeof table), before = table;
    const double *parts[3] = {DATA, DATA + 2, DATA + 4};
    FAILS(NULL_POINTER, hepml_table_from_rows(NULL, 2, 3, &table));
    FAILS(NULL_POINTER, hepml_table_from_rows(DATA, 2, 3, NULL));
    FAILS(MISALIGNED, hepml_table_from_rows(misaligned_double(), 2, 3, &table));
    FAILS(MISALIGNED, hepml_table_from_rows(DATA, 2, 3, (hepml_table **)misaligned_pointer()));
    FAILS(NULL_POINTER, hepml_table_from_columns(NULL, 3, 2, &table));
    FAILS(NULL_POINTER, hepml_table_from_columns(parts, 3, 2, NULL));
    FAILS(MISALIGNED, hepml_table_from_columns((const double *const *)misaligned_pointer(), 3, 2, &table));
    FAILS(MISALIGNED, hepml_table_from_columns(parts, 3, 2, (hepml_table **)misaligned_pointer()));
    for (size_t i = 0; i < 3; i++) {
        const double *right = parts[i];
        parts[i] = NULL;
        FAILS(NULL_POINTER, hepml_table_from_columns(parts, 3, 2, &table));
        parts[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_table_from_columns(parts, 3, 2, &table));
        parts[i] = right;
    }
    /* No memory holds these: neither may the product wrap around to something small, nor may so much be asked for. */
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / sizeof(double), SIZE_MAX / sizeof(double) + 1};
    for (size_t i = 0; i < LENGTH(huge); i++) {
        FAILS(SHAPE, hepml_table_from_rows(DATA, huge[i], 3, &table));
        FAILS(SHAPE, hepml_table_from_rows(DATA, 2, huge[i], &table));
        FAILS(SHAPE, hepml_table_from_rows(DATA, huge[i], huge[i], &table));
        FAILS(SHAPE, hepml_table_from_columns(parts, 3, huge[i], &table));
        FAILS(SHAPE, hepml_table_from_columns(parts, huge[i], 2, &table));
        FAILS(SHAPE, hepml_table_from_columns(parts, huge[i], huge[i], &table));
    }
    CHECK(table == before);

    table = new_table(2, 3, 1);
    size_t rows, columns;
    fill(&rows, sizeof rows), fill(&columns, sizeof columns);
    FAILS(NULL_POINTER, hepml_table_shape(NULL, &rows, &columns));
    FAILS(NULL_POINTER, hepml_table_shape(table, NULL, &columns));
    FAILS(NULL_POINTER, hepml_table_shape(table, &rows, NULL));
    FAILS(MISALIGNED, hepml_table_shape(table, misaligned_size(), &columns));
    FAILS(MISALIGNED, hepml_table_shape(table, &rows, misaligned_size()));
    FAILS(INVALID_HANDLE, hepml_table_shape(freed_table(), &rows, &columns));
    CHECK(untouched(&rows, sizeof rows) && untouched(&columns, sizeof columns));
    OK(hepml_table_free(&table));
}

static void numbers_that_are_none(void) {
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        double data[6];
        memcpy(data, DATA, sizeof data);
        data[5] = wrong[i];
        const double *const parts[3] = {data, data + 2, data + 4};
        hepml_table *table = NULL;
        FAILS_WITH(NOT_FINITE, "event 1", hepml_table_from_rows(data, 2, 3, &table));
        FAILS_WITH(NOT_FINITE, "event 1", hepml_table_from_columns(parts, 3, 2, &table));
        CHECK(table == NULL);
    }
}

const test table_tests[] = {
    {"tables have their shape", tables_have_their_shape},
    {"bad arguments", bad_arguments},
    {"numbers that are none", numbers_that_are_none},
    {NULL, NULL},
};
