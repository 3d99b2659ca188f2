#include "check.h"

#include <pthread.h>

int failures = 0;
static pthread_mutex_t reporting = PTHREAD_MUTEX_INITIALIZER;
static const unsigned char CANARY = 0xC5;

void report_failure(const char *file, int line, const char *what, const char *details) {
    pthread_mutex_lock(&reporting);
    failures += 1;
    printf("%s:%d: %s %s\n", file, line, what, details);
    pthread_mutex_unlock(&reporting);
}

void leave_other_message(void) {
    hepml_self_test_panic("left by the call before");
}

void check_status(int32_t got, int32_t wanted, const char *message_part, const char *call, const char *file, int line) {
    char details[1024];
    const char *message = hepml_last_error_message();
    if (got != wanted) {
        snprintf(details, sizeof details, "gave %s, not %s: %s", hepml_status_name(got), hepml_status_name(wanted), got == HEPML_STATUS_OK ? "" : message);
        report_failure(file, line, call, details);
    } else if (message_part != NULL && (message[0] == '\0' || strstr(message, "left by the call before") != NULL)) {
        report_failure(file, line, call, "left no message of its own");
    } else if (message_part != NULL && strstr(message, message_part) == NULL) {
        snprintf(details, sizeof details, "says \"%s\" without \"%s\"", message, message_part);
        report_failure(file, line, call, details);
    }
}

void check_near(double got, double wanted, double tolerance, const char *what, const char *file, int line) {
    if (!(fabs(got - wanted) <= tolerance)) {
        char details[256];
        snprintf(details, sizeof details, "is %.17g, not %.17g within %g", got, wanted, tolerance);
        report_failure(file, line, what, details);
    }
}

void fill(void *memory, size_t bytes) {
    memset(memory, CANARY, bytes);
}

bool untouched(const void *memory, size_t bytes) {
    const unsigned char *byte = (const unsigned char *)memory;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != CANARY) {
            return false;
        }
    }
    return true;
}

uint64_t random_bits(random_numbers *numbers) {
    /* splitmix64 */
    uint64_t z = (numbers->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double random_number(random_numbers *numbers) {
    return (double)(random_bits(numbers) >> 11) * 0x1p-53;
}
