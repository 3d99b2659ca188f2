#include "fixtures.h"

static const double ROUNDING = 1e-14;
static const double WRONG[] = {NAN, INFINITY, -INFINITY};

static void back_to_back(void) {
    pair pair;
    make_pair(&pair);
    hepml_momenta momenta = pair_momenta(&pair);
    for (int32_t transverse = 0; transverse <= 1; transverse++) {
        hepml_thrust thrust;
        OK(hepml_thrust_axis(&momenta, transverse, &thrust));
        NEAR(thrust.thrust, 1.0, ROUNDING);
        NEAR(thrust.one_minus_thrust, 0.0, ROUNDING);
        NEAR(fabs(0.6 * thrust.axis[0] + 0.8 * thrust.axis[1]), 1.0, ROUNDING);
        NEAR(thrust.axis[2], 0.0, ROUNDING);
        NEAR(thrust.total, 20.0, 20.0 * ROUNDING);
    }
    double spherocity = -1.0, axis[2] = {0.0, 0.0};
    OK(hepml_spherocity_axis(&momenta, &spherocity, axis));
    NEAR(spherocity, 0.0, ROUNDING);
    NEAR(fabs(0.6 * axis[0] + 0.8 * axis[1]), 1.0, ROUNDING);
    OK(hepml_spherocity_axis(&momenta, &spherocity, NULL));
    NEAR(spherocity, 0.0, ROUNDING);
}

/* Three particles of the same momentum at 120 degrees: T = 2/3. */
static void a_star(void) {
    const double half = 0.5, root = sqrt(0.75), px[3] = {1.0, -half, -half}, py[3] = {0.0, root, -root}, pz[3] = {0.0, 0.0, 0.0}, e[3] = {1.0, 1.0, 1.0};
    const hepml_momenta momenta = {{px, py, pz, e}, 1, 3, HEPML_COORDINATES_PX_PY_PZ_E};
    hepml_thrust thrust;
    OK(hepml_thrust_axis(&momenta, 0, &thrust));
    NEAR(thrust.thrust, 2.0 / 3.0, ROUNDING);
    NEAR(thrust.one_minus_thrust, 1.0 / 3.0, ROUNDING);
}

static void bad_arguments(void) {
    pair pair;
    make_pair(&pair);
    const hepml_momenta right = pair_momenta(&pair);
    hepml_thrust thrust;
    double spherocity, axis[2];
    fill(&thrust, sizeof thrust), fill(&spherocity, sizeof spherocity), FILL(axis);
    const hepml_momenta *misaligned = (const hepml_momenta *)misaligned_pointer();
    FAILS(NULL_POINTER, hepml_thrust_axis(NULL, 0, &thrust));
    FAILS(NULL_POINTER, hepml_thrust_axis(&right, 0, NULL));
    FAILS(MISALIGNED, hepml_thrust_axis(misaligned, 0, &thrust));
    FAILS(MISALIGNED, hepml_thrust_axis(&right, 0, (hepml_thrust *)misaligned_pointer()));
    FAILS(INVALID_ENUM, hepml_thrust_axis(&right, 2, &thrust));
    FAILS(INVALID_ENUM, hepml_thrust_axis(&right, -1, &thrust));
    FAILS(NULL_POINTER, hepml_spherocity_axis(NULL, &spherocity, axis));
    FAILS(NULL_POINTER, hepml_spherocity_axis(&right, NULL, axis));
    FAILS(MISALIGNED, hepml_spherocity_axis(misaligned, &spherocity, axis));
    FAILS(MISALIGNED, hepml_spherocity_axis(&right, misaligned_double(), axis));
    FAILS(MISALIGNED, hepml_spherocity_axis(&right, &spherocity, misaligned_double()));
    for (size_t column = 0; column < 4; column++) {
        hepml_momenta momenta = right;
        momenta.columns[column] = NULL;
        FAILS(NULL_POINTER, hepml_thrust_axis(&momenta, 0, &thrust));
        FAILS(NULL_POINTER, hepml_spherocity_axis(&momenta, &spherocity, axis));
        momenta.columns[column] = misaligned_double();
        FAILS(MISALIGNED, hepml_thrust_axis(&momenta, 0, &thrust));
        FAILS(MISALIGNED, hepml_spherocity_axis(&momenta, &spherocity, axis));
        for (size_t i = 0; i < LENGTH(WRONG); i++) {
            double numbers[2] = {right.columns[column][0], WRONG[i]};
            momenta.columns[column] = numbers;
            FAILS_WITH(NOT_FINITE, "1", hepml_thrust_axis(&momenta, 0, &thrust));
            FAILS_WITH(NOT_FINITE, "1", hepml_spherocity_axis(&momenta, &spherocity, axis));
        }
    }
    hepml_momenta momenta = right;
    momenta.coordinates = 3;
    FAILS(INVALID_ENUM, hepml_thrust_axis(&momenta, 0, &thrust));
    FAILS(INVALID_ENUM, hepml_spherocity_axis(&momenta, &spherocity, axis));
    momenta = right, momenta.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_thrust_axis(&momenta, 0, &thrust));
    FAILS(OUT_OF_RANGE, hepml_spherocity_axis(&momenta, &spherocity, axis));
    momenta = right, momenta.count = SIZE_MAX;
    FAILS(SHAPE, hepml_thrust_axis(&momenta, 0, &thrust));
    FAILS(SHAPE, hepml_spherocity_axis(&momenta, &spherocity, axis));
    momenta = right, momenta.stride = SIZE_MAX;
    FAILS(SHAPE, hepml_thrust_axis(&momenta, 0, &thrust));
    FAILS(SHAPE, hepml_spherocity_axis(&momenta, &spherocity, axis));
    momenta.count = 0;
    FAILS(OUT_OF_RANGE, hepml_thrust_axis(&momenta, 0, &thrust));
    FAILS(OUT_OF_RANGE, hepml_spherocity_axis(&momenta, &spherocity, axis));
    CHECK(untouched(&thrust, sizeof thrust) && untouched(&spherocity, sizeof spherocity));
    UNTOUCHED(axis);
}

const test thrust_tests[] = {
    {"back to back", back_to_back},
    {"a star", a_star},
    {"bad arguments", bad_arguments},
    {NULL, NULL},
};
