/* Assertions for the tests of the C interface. The sources here are written in what C11 and C++17 share, and are compiled as both. */
#ifndef HEPML_TESTS_CHECK_H
#define HEPML_TESTS_CHECK_H

#include <hepml.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test {
    const char *name;
    void (*run)(void);
} test;

/* Says what failed and counts it; main turns the count into the exit code. Any thread may call it. */
void report_failure(const char *file, int line, const char *what, const char *details);
void check_status(int32_t got, int32_t wanted, const char *message_part, const char *call, const char *file, int line);
void check_near(double got, double wanted, double tolerance, const char *what, const char *file, int line);
/* Leaves a message that no call but this one leaves, so that a failing call that leaves none is noticed. */
void leave_other_message(void);

#define CHECK(condition) ((condition) ? (void)0 : report_failure(__FILE__, __LINE__, #condition, ""))
#define NEAR(got, wanted, tolerance) check_near((got), (wanted), (tolerance), #got, __FILE__, __LINE__)
#define OK(call) check_status((call), HEPML_STATUS_OK, NULL, #call, __FILE__, __LINE__)
/* The call has to fail with this status, and to leave a message of its own, */
#define FAILS(status, call) (leave_other_message(), check_status((call), HEPML_STATUS_##status, "", #call, __FILE__, __LINE__))
/* which has to have this in it. */
#define FAILS_WITH(status, part, call) (leave_other_message(), check_status((call), HEPML_STATUS_##status, (part), #call, __FILE__, __LINE__))

/* Bytes that no result looks like, and whether they are still there. */
void fill(void *memory, size_t bytes);
bool untouched(const void *memory, size_t bytes);
#define FILL(array) fill((array), sizeof(array))
#define UNTOUCHED(array) CHECK(untouched((array), sizeof(array)))

/* Numbers from 0 (included) to 1 (excluded), the same each time. */
typedef struct random_numbers {
    uint64_t state;
} random_numbers;
uint64_t random_bits(random_numbers *numbers);
double random_number(random_numbers *numbers);

/* The tests of each file, the last one without a name. */
extern const test library_tests[], handles_tests[], momenta_tests[], table_tests[], sets_tests[], flows_tests[], divergence_tests[], pairwise_tests[],
    transport_tests[], thrust_tests[], isotropy_tests[], n_subjettiness_tests[], manifold_tests[], model_tests[], ratio_tests[], threads_tests[];

/* How many checks failed so far. */
extern int failures;

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
