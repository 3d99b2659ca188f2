#include "fixtures.h"

/* A few roundings of numbers around 1 to 10. */
static const double ROUNDING = 1e-14;

static const double WRONG[] = {NAN, INFINITY, -INFINITY};

static void closed_forms(void) {
    /* One particle of 2 GeV against one of 3 GeV at distance 0.5: 2 are moved over 0.5/R, 1 is created. */
    const double pt[2] = {2.0, 3.0}, y[2] = {0.0, 0.3}, phi[2] = {0.0, 0.4};
    const hepml_particles a = {pt, y, phi, 1, 1}, b = {pt + 1, y + 1, phi + 1, 1, 1};
    hepml_divergence *emd = NULL;
    double value = 0.0, exponent = 0.0;
    OK(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
    OK(hepml_divergence_value(emd, &a, &b, &value));
    NEAR(value, 2.0 * 0.5 + 1.0, ROUNDING);
    OK(hepml_divergence_exponent(emd, &exponent));
    CHECK(exponent == 1.0);
    OK(hepml_divergence_free(&emd));

    OK(hepml_divergence_new_emd(2.0, 2.0, 1, 1, &emd));
    OK(hepml_divergence_value(emd, &a, &b, &value));
    NEAR(value, 0.25 * 0.25, ROUNDING);
    OK(hepml_divergence_exponent(emd, &exponent));
    CHECK(exponent == 0.5);
    OK(hepml_divergence_free(&emd));

    /* Rows (pt, y, phi) are views of stride 3. */
    const double rows[6] = {2.0, 0.0, 0.0, 3.0, 0.3, 0.4};
    const hepml_particles first = {rows, rows + 1, rows + 2, 3, 1}, second = {rows + 3, rows + 4, rows + 5, 3, 1};
    emd = new_emd();
    OK(hepml_divergence_value(emd, &first, &second, &value));
    NEAR(value, 2.0, ROUNDING);

    /* Particles on both sides of phi = pi are near each other only where phi is an angle. */
    const double beyond[2] = {3.0, -3.0}, turn = 2.0 * acos(-1.0);
    const hepml_particles left = {pt, y, beyond, 1, 1}, right = {pt, y, beyond + 1, 1, 1};
    OK(hepml_divergence_value(emd, &left, &right, &value));
    NEAR(value, 2.0 * (turn - 6.0), ROUNDING);
    OK(hepml_divergence_free(&emd));

    /* The spectral EMD is blind to where an event is. */
    random_numbers numbers = {5};
    jet one, moved;
    make_jet(&one, 10, &numbers);
    moved = one;
    for (size_t i = 0; i < one.count; i++) {
        moved.y[i] += 0.25;
    }
    const hepml_particles here = view(&one), there = view(&moved);
    hepml_divergence *spectral = new_spectral();
    OK(hepml_divergence_value(spectral, &here, &there, &value));
    NEAR(value, 0.0, ROUNDING);
    OK(hepml_divergence_free(&spectral));
}

static void bad_parameters(void) {
    hepml_divergence *divergence = NULL;
    FAILS(NULL_POINTER, hepml_divergence_new_emd(1.0, 1.0, 0, 1, NULL));
    FAILS(MISALIGNED, hepml_divergence_new_emd(1.0, 1.0, 0, 1, (hepml_divergence **)misaligned_pointer()));
    FAILS(NULL_POINTER, hepml_divergence_new_spectral_emd(1.0, 1, NULL, NULL));
    FAILS(MISALIGNED, hepml_divergence_new_spectral_emd(1.0, 1, NULL, (hepml_divergence **)misaligned_pointer()));
    FAILS(MISALIGNED, hepml_divergence_new_spectral_emd(1.0, 1, misaligned_double(), &divergence));
    const int32_t flags[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(flags); i++) {
        FAILS(INVALID_ENUM, hepml_divergence_new_emd(1.0, 1.0, flags[i], 1, &divergence));
        FAILS(INVALID_ENUM, hepml_divergence_new_emd(1.0, 1.0, 0, flags[i], &divergence));
        FAILS(INVALID_ENUM, hepml_divergence_new_spectral_emd(1.0, flags[i], NULL, &divergence));
    }
    const double outside[] = {0.0, -1.0};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        FAILS_WITH(OUT_OF_RANGE, "radius", hepml_divergence_new_emd(outside[i], 1.0, 0, 1, &divergence));
        FAILS_WITH(OUT_OF_RANGE, "beta", hepml_divergence_new_emd(1.0, outside[i], 0, 1, &divergence));
        FAILS_WITH(OUT_OF_RANGE, "beta", hepml_divergence_new_spectral_emd(outside[i], 1, NULL, &divergence));
        FAILS(OUT_OF_RANGE, hepml_divergence_new_spectral_emd(1.0, 1, &outside[i], &divergence));
    }
    for (size_t i = 0; i < LENGTH(WRONG); i++) {
        FAILS_WITH(NOT_FINITE, "radius", hepml_divergence_new_emd(WRONG[i], 1.0, 0, 1, &divergence));
        FAILS_WITH(NOT_FINITE, "beta", hepml_divergence_new_emd(1.0, WRONG[i], 0, 1, &divergence));
        FAILS_WITH(NOT_FINITE, "beta", hepml_divergence_new_spectral_emd(WRONG[i], 1, NULL, &divergence));
        FAILS(NOT_FINITE, hepml_divergence_new_spectral_emd(1.0, 1, &WRONG[i], &divergence));
    }
    CHECK(divergence == NULL);
}

static void bad_events(void) {
    random_numbers numbers = {6};
    jet jets[2];
    make_jet(&jets[0], JET_SIZE, &numbers);
    make_jet(&jets[1], JET_SIZE, &numbers);
    hepml_particles events[2];
    double value, exponent;
    hepml_transport *transport = NULL;
    fill(&value, sizeof value), fill(&exponent, sizeof exponent);
    hepml_divergence *divergences[2] = {new_emd(), new_spectral()};
    const hepml_divergence *gone = freed_divergence();

    for (size_t kind = 0; kind < 2; kind++) {
        hepml_divergence *divergence = divergences[kind];
        events[0] = view(&jets[0]), events[1] = view(&jets[1]);
        FAILS(NULL_POINTER, hepml_divergence_exponent(divergence, NULL));
        FAILS(MISALIGNED, hepml_divergence_exponent(divergence, misaligned_double()));
        FAILS(NULL_POINTER, hepml_divergence_value(NULL, &events[0], &events[1], &value));
        FAILS(INVALID_HANDLE, hepml_divergence_value(gone, &events[0], &events[1], &value));
        FAILS(NULL_POINTER, hepml_divergence_value(divergence, NULL, &events[1], &value));
        FAILS(NULL_POINTER, hepml_divergence_value(divergence, &events[0], NULL, &value));
        FAILS(NULL_POINTER, hepml_divergence_value(divergence, &events[0], &events[1], NULL));
        FAILS(MISALIGNED, hepml_divergence_value(divergence, (const hepml_particles *)misaligned_pointer(), &events[1], &value));
        FAILS(MISALIGNED, hepml_divergence_value(divergence, &events[0], (const hepml_particles *)misaligned_pointer(), &value));
        FAILS(MISALIGNED, hepml_divergence_value(divergence, &events[0], &events[1], misaligned_double()));
        for (size_t which = 0; which < 2; which++) {
            const double **const columns[3] = {&events[which].pt, &events[which].y, &events[which].phi};
            double *const numbers_of[3] = {jets[which].pt, jets[which].y, jets[which].phi};
            for (size_t column = 0; column < 3; column++) {
                events[which] = view(&jets[which]);
                *columns[column] = NULL;
                FAILS(NULL_POINTER, hepml_divergence_value(divergence, &events[0], &events[1], &value));
                *columns[column] = misaligned_double();
                FAILS(MISALIGNED, hepml_divergence_value(divergence, &events[0], &events[1], &value));
                events[which] = view(&jets[which]);
                for (size_t i = 0; i < LENGTH(WRONG); i++) {
                    const double right = numbers_of[column][17];
                    numbers_of[column][17] = WRONG[i];
                    FAILS_WITH(NOT_FINITE, "17", hepml_divergence_value(divergence, &events[0], &events[1], &value));
                    if (kind == 0) {
                        FAILS_WITH(NOT_FINITE, "17", hepml_divergence_solve(divergence, &events[0], &events[1], &transport));
                    }
                    numbers_of[column][17] = right;
                }
            }
            events[which].stride = 0;
            FAILS(OUT_OF_RANGE, hepml_divergence_value(divergence, &events[0], &events[1], &value));
            const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8};
            for (size_t i = 0; i < LENGTH(huge); i++) {
                events[which] = view(&jets[which]);
                events[which].stride = huge[i];
                FAILS(SHAPE, hepml_divergence_value(divergence, &events[0], &events[1], &value));
                events[which] = view(&jets[which]);
                events[which].count = huge[i];
                FAILS(SHAPE, hepml_divergence_value(divergence, &events[0], &events[1], &value));
            }
            events[which] = view(&jets[which]);
            const double right = jets[which].pt[3];
            jets[which].pt[3] = -1.0;
            FAILS_WITH(OUT_OF_RANGE, "3", hepml_divergence_value(divergence, &events[0], &events[1], &value));
            jets[which].pt[3] = right;
        }
    }
    FAILS(NULL_POINTER, hepml_divergence_exponent(NULL, &exponent));
    FAILS(INVALID_HANDLE, hepml_divergence_exponent(gone, &exponent));
    CHECK(untouched(&value, sizeof value) && untouched(&exponent, sizeof exponent) && transport == NULL);
    OK(hepml_divergence_free(&divergences[0]));
    OK(hepml_divergence_free(&divergences[1]));
}

/* Events without energy, and numbers at the ends of their range: a value or a status, never anything else. */
static void extreme_events(void) {
    const double extremes[] = {0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1e-150, 1.0, 1e150, 1.7976931348623157e308};
    hepml_divergence *divergences[4] = {NULL, NULL, NULL, NULL};
    OK(hepml_divergence_new_emd(1.0, 1.0, 0, 0, &divergences[0]));
    OK(hepml_divergence_new_emd(1.0, 2.0, 1, 1, &divergences[1]));
    OK(hepml_divergence_new_emd(1e-300, 1.0, 0, 0, &divergences[2]));
    OK(hepml_divergence_new_spectral_emd(1.0, 0, NULL, &divergences[3]));
    const hepml_particles nothing = {NULL, NULL, NULL, 1, 0};
    for (size_t i = 0; i < LENGTH(divergences); i++) {
        for (size_t j = 0; j < LENGTH(extremes); j++) {
            for (size_t k = 0; k < LENGTH(extremes); k++) {
                const double pt[3] = {extremes[j], 1.0, extremes[k]}, y[3] = {extremes[k], -extremes[j], 0.0}, phi[3] = {-extremes[k], extremes[j], 1.0};
                const hepml_particles a = {pt, y, phi, 1, 3}, b = {pt, phi, y, 1, 2};
                double value = 0.0;
                const hepml_particles *const others[2] = {&b, &nothing};
                for (size_t other = 0; other < 2; other++) {
                    hepml_status status = hepml_divergence_value(divergences[i], &a, others[other], &value);
                    CHECK(status == HEPML_STATUS_OK || status == HEPML_STATUS_OUT_OF_RANGE || status == HEPML_STATUS_NOT_FINITE || status == HEPML_STATUS_EMPTY || status == HEPML_STATUS_NOT_CONVERGED);
                    CHECK(status != HEPML_STATUS_OK || (isfinite(value) && value >= 0.0));
                }
            }
        }
        OK(hepml_divergence_free(&divergences[i]));
    }
}

const test divergence_tests[] = {
    {"closed forms", closed_forms},
    {"bad parameters", bad_parameters},
    {"bad events", bad_events},
    {"extreme events", extreme_events},
    {NULL, NULL},
};
