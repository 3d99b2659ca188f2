#include "fixtures.h"

enum { COUNT = 3, STRIDE = 2, ROOM = COUNT * STRIDE };
/* One rounding in each of the handful of operations of a conversion there and back, at momenta of some 10 GeV. */
static const double ROUNDING = 1e-13;

static double px[ROOM], py[ROOM], pz[ROOM], e[ROOM];
static double outputs[4][ROOM];
static double *columns[4];
static hepml_momenta valid;

static void prepare(void) {
    const double vectors[COUNT][4] = {{3.0, 4.0, 0.0, 13.0}, {-1.0, 2.0, 5.0, 8.0}, {0.5, -0.25, -2.0, 3.0}};
    FILL(px), FILL(py), FILL(pz), FILL(e);
    for (size_t i = 0; i < COUNT; i++) {
        px[STRIDE * i] = vectors[i][0];
        py[STRIDE * i] = vectors[i][1];
        pz[STRIDE * i] = vectors[i][2];
        e[STRIDE * i] = vectors[i][3];
    }
    FILL(outputs);
    for (size_t i = 0; i < 4; i++) {
        columns[i] = outputs[i];
    }
    hepml_momenta momenta = {{px, py, pz, e}, STRIDE, COUNT, HEPML_COORDINATES_PX_PY_PZ_E};
    valid = momenta;
}

static void conversions_go_there_and_back(void) {
    const int32_t coordinates[] = {HEPML_COORDINATES_PX_PY_PZ_E, HEPML_COORDINATES_PT_Y_PHI_M, HEPML_COORDINATES_PT_ETA_PHI_M};
    for (size_t kind = 0; kind < LENGTH(coordinates); kind++) {
        prepare();
        OK(hepml_momenta_convert(&valid, coordinates[kind], columns, STRIDE, COUNT));
        for (size_t i = 0; i < 4; i++) {
            for (size_t j = 0; j < COUNT; j++) {
                /* Between the numbers nothing is written. */
                CHECK(untouched(&outputs[i][STRIDE * j + 1], sizeof(double)));
            }
        }
        hepml_momenta converted = {{outputs[0], outputs[1], outputs[2], outputs[3]}, STRIDE, COUNT, coordinates[kind]};
        double back[4][COUNT];
        double *back_columns[4] = {back[0], back[1], back[2], back[3]};
        OK(hepml_momenta_convert(&converted, HEPML_COORDINATES_PX_PY_PZ_E, back_columns, 1, SIZE_MAX));
        for (size_t i = 0; i < 4; i++) {
            for (size_t j = 0; j < COUNT; j++) {
                NEAR(back[i][j], valid.columns[i][STRIDE * j], ROUNDING);
            }
        }
    }
    prepare();
    OK(hepml_momenta_convert(&valid, HEPML_COORDINATES_PT_Y_PHI_M, columns, 1, COUNT));
    /* (3, 4, 0; 13): pt = 5, y = 0, phi = atan2(4, 3), m = 12. */
    NEAR(outputs[0][0], 5.0, ROUNDING);
    NEAR(outputs[1][0], 0.0, ROUNDING);
    NEAR(outputs[2][0], atan2(4.0, 3.0), ROUNDING);
    NEAR(outputs[3][0], 12.0, ROUNDING);
}

static void nothing_is_converted_to_nothing(void) {
    hepml_momenta none = {{NULL, NULL, NULL, NULL}, 0, 0, HEPML_COORDINATES_PX_PY_PZ_E};
    double *nowhere[4] = {NULL, NULL, NULL, NULL};
    OK(hepml_momenta_convert(&none, HEPML_COORDINATES_PT_Y_PHI_M, nowhere, 1, 0));
}

static void bad_arguments(void) {
    prepare();
    const int32_t to = HEPML_COORDINATES_PT_Y_PHI_M;
    FAILS(NULL_POINTER, hepml_momenta_convert(NULL, to, columns, STRIDE, COUNT));
    FAILS(NULL_POINTER, hepml_momenta_convert(&valid, to, NULL, STRIDE, COUNT));
    FAILS(MISALIGNED, hepml_momenta_convert((const hepml_momenta *)misaligned_pointer(), to, columns, STRIDE, COUNT));
    FAILS(MISALIGNED, hepml_momenta_convert(&valid, to, (double *const *)misaligned_pointer(), STRIDE, COUNT));
    for (size_t i = 0; i < 4; i++) {
        hepml_momenta momenta = valid;
        momenta.columns[i] = NULL;
        FAILS(NULL_POINTER, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
        momenta.columns[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
        columns[i] = NULL;
        FAILS(NULL_POINTER, hepml_momenta_convert(&valid, to, columns, STRIDE, COUNT));
        columns[i] = misaligned_double();
        FAILS(MISALIGNED, hepml_momenta_convert(&valid, to, columns, STRIDE, COUNT));
        columns[i] = outputs[i];
    }
    const int32_t wrong[] = {-1, 3, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        hepml_momenta momenta = valid;
        momenta.coordinates = wrong[i];
        FAILS(INVALID_ENUM, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
        FAILS(INVALID_ENUM, hepml_momenta_convert(&valid, wrong[i], columns, STRIDE, COUNT));
    }
    hepml_momenta momenta = valid;
    momenta.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
    FAILS(OUT_OF_RANGE, hepml_momenta_convert(&valid, to, columns, 0, COUNT));
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(double)};
    for (size_t i = 0; i < LENGTH(huge); i++) {
        momenta = valid;
        momenta.stride = huge[i];
        FAILS(SHAPE, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
        FAILS(SHAPE, hepml_momenta_convert(&valid, to, columns, huge[i], COUNT));
        momenta = valid;
        momenta.count = huge[i];
        FAILS(SHAPE, hepml_momenta_convert(&momenta, to, columns, STRIDE, SIZE_MAX));
        FAILS(SHAPE, hepml_momenta_convert(&momenta, to, columns, STRIDE, COUNT));
    }
    FAILS_WITH(CAPACITY, "3", hepml_momenta_convert(&valid, to, columns, STRIDE, COUNT - 1));
    FAILS(CAPACITY, hepml_momenta_convert(&valid, to, columns, STRIDE, 0));
    UNTOUCHED(outputs);
}

static void numbers_that_are_none(void) {
    const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        for (size_t column = 0; column < 4; column++) {
            prepare();
            double *bad = column == 0 ? px : column == 1 ? py : column == 2 ? pz : e;
            bad[2 * STRIDE] = wrong[i];
            FAILS_WITH(NOT_FINITE, "2", hepml_momenta_convert(&valid, HEPML_COORDINATES_PT_Y_PHI_M, columns, STRIDE, COUNT));
            UNTOUCHED(outputs);
        }
    }
}

const test momenta_tests[] = {
    {"conversions go there and back", conversions_go_there_and_back},
    {"nothing is converted to nothing", nothing_is_converted_to_nothing},
    {"bad arguments", bad_arguments},
    {"numbers that are none", numbers_that_are_none},
    {NULL, NULL},
};
