#include "fixtures.h"

/* A pair is at 1 from a circle; of so few points it is off by 0.6 %. */
static const double FEW_POINTS = 0.01;
/* At most, two rings of 16 are turned by half a step against each other. */
static const double HALF_A_STEP = 0.26;
static const double WRONG[] = {NAN, INFINITY, -INFINITY};

/* A ring of particles is near the reference; a pair is far from it. */
static void rings_are_isotropic(void) {
    enum { POINTS = 16 };
    double px[POINTS], py[POINTS], pz[POINTS], e[POINTS], value = -1.0, far_value = -1.0;
    for (int i = 0; i < POINTS; i++) {
        const double angle = 2.0 * acos(-1.0) * i / POINTS;
        px[i] = cos(angle), py[i] = sin(angle), pz[i] = 0.0, e[i] = 1.0;
    }
    const hepml_momenta ring = {{px, py, pz, e}, 1, POINTS, HEPML_COORDINATES_PX_PY_PZ_E};
    pair pair;
    make_pair(&pair);
    const hepml_momenta line = pair_momenta(&pair);
    hepml_isotropy *isotropy = NULL;
    for (int32_t cost = HEPML_ISOTROPY_COST_QUADRATIC; cost <= HEPML_ISOTROPY_COST_LINEAR; cost++) {
        OK(hepml_isotropy_new_ring(POINTS, cost, &isotropy));
        OK(hepml_isotropy_value(isotropy, &ring, &value));
        OK(hepml_isotropy_value(isotropy, &line, &far_value));
        CHECK(value >= 0.0 && value < HALF_A_STEP);
        NEAR(far_value, 1.0, FEW_POINTS);
        OK(hepml_isotropy_free(&isotropy));
        OK(hepml_isotropy_new_sphere(2, cost, &isotropy));
        OK(hepml_isotropy_value(isotropy, &line, &far_value));
        CHECK(far_value > 0.0 && far_value <= 1.0 + FEW_POINTS);
        OK(hepml_isotropy_free(&isotropy));
    }
    OK(hepml_isotropy_new_cylinder(8, 2.0, &isotropy));
    OK(hepml_isotropy_value(isotropy, &line, &far_value));
    CHECK(far_value > 0.0);
    OK(hepml_isotropy_free(&isotropy));
}

static void bad_parameters(void) {
    hepml_isotropy *isotropy = NULL;
    hepml_isotropy **misaligned = (hepml_isotropy **)misaligned_pointer();
    FAILS(NULL_POINTER, hepml_isotropy_new_ring(16, 0, NULL));
    FAILS(NULL_POINTER, hepml_isotropy_new_cylinder(16, 2.0, NULL));
    FAILS(NULL_POINTER, hepml_isotropy_new_sphere(2, 0, NULL));
    FAILS(MISALIGNED, hepml_isotropy_new_ring(16, 0, misaligned));
    FAILS(MISALIGNED, hepml_isotropy_new_cylinder(16, 2.0, misaligned));
    FAILS(MISALIGNED, hepml_isotropy_new_sphere(2, 0, misaligned));
    const int32_t costs[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(costs); i++) {
        FAILS(INVALID_ENUM, hepml_isotropy_new_ring(16, costs[i], &isotropy));
        FAILS(INVALID_ENUM, hepml_isotropy_new_sphere(2, costs[i], &isotropy));
    }
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_ring(0, 0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_cylinder(0, 2.0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_sphere(0, 0, &isotropy));
    /* References of more points than can be compared with are refused before they are made. */
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_ring(UINT32_MAX, 0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_cylinder(UINT32_MAX, 2.0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_cylinder(16, 1e300, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_sphere(UINT32_MAX, 0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_sphere(UINT32_C(1) << 31, 0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_cylinder(16, 0.0, &isotropy));
    FAILS(OUT_OF_RANGE, hepml_isotropy_new_cylinder(16, -1.0, &isotropy));
    for (size_t i = 0; i < LENGTH(WRONG); i++) {
        FAILS(NOT_FINITE, hepml_isotropy_new_cylinder(16, WRONG[i], &isotropy));
    }
    CHECK(isotropy == NULL);
}

static void bad_events(void) {
    pair pair;
    make_pair(&pair);
    const hepml_momenta right = pair_momenta(&pair);
    hepml_isotropy *isotropy = new_isotropy();
    double value;
    fill(&value, sizeof value);
    FAILS(NULL_POINTER, hepml_isotropy_value(NULL, &right, &value));
    FAILS(INVALID_HANDLE, hepml_isotropy_value(freed_isotropy(), &right, &value));
    FAILS(NULL_POINTER, hepml_isotropy_value(isotropy, NULL, &value));
    FAILS(NULL_POINTER, hepml_isotropy_value(isotropy, &right, NULL));
    FAILS(MISALIGNED, hepml_isotropy_value(isotropy, (const hepml_momenta *)misaligned_pointer(), &value));
    FAILS(MISALIGNED, hepml_isotropy_value(isotropy, &right, misaligned_double()));
    for (size_t column = 0; column < 4; column++) {
        hepml_momenta momenta = right;
        momenta.columns[column] = NULL;
        FAILS(NULL_POINTER, hepml_isotropy_value(isotropy, &momenta, &value));
        momenta.columns[column] = misaligned_double();
        FAILS(MISALIGNED, hepml_isotropy_value(isotropy, &momenta, &value));
        for (size_t i = 0; i < LENGTH(WRONG); i++) {
            double numbers[2] = {right.columns[column][0], WRONG[i]};
            momenta.columns[column] = numbers;
            FAILS_WITH(NOT_FINITE, "1", hepml_isotropy_value(isotropy, &momenta, &value));
        }
    }
    hepml_momenta momenta = right;
    momenta.coordinates = 3;
    FAILS(INVALID_ENUM, hepml_isotropy_value(isotropy, &momenta, &value));
    momenta = right, momenta.stride = 0;
    FAILS(OUT_OF_RANGE, hepml_isotropy_value(isotropy, &momenta, &value));
    momenta = right, momenta.count = SIZE_MAX;
    FAILS(SHAPE, hepml_isotropy_value(isotropy, &momenta, &value));
    momenta = right, momenta.count = 0;
    FAILS(OUT_OF_RANGE, hepml_isotropy_value(isotropy, &momenta, &value));
    CHECK(untouched(&value, sizeof value));
    OK(hepml_isotropy_free(&isotropy));
}

const test isotropy_tests[] = {
    {"rings are isotropic", rings_are_isotropic},
    {"bad parameters", bad_parameters},
    {"bad events", bad_events},
    {NULL, NULL},
};
