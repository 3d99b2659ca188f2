/* Runs all tests, or those whose names contain the second argument: suite FOLDER [PART] */
#include "fixtures.h"

#define SUITE(name) {#name, name##_tests}
static const struct {
    const char *name;
    const test *tests;
} suites[] = {
    SUITE(library), SUITE(handles), SUITE(momenta), SUITE(table), SUITE(sets), SUITE(flows), SUITE(divergence), SUITE(pairwise),
    SUITE(transport), SUITE(thrust), SUITE(isotropy), SUITE(n_subjettiness), SUITE(manifold), SUITE(model), SUITE(ratio), SUITE(threads),
};

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s FOLDER [PART OF A NAME]\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    int run = 0;
    size_t left = 0;
    for (size_t i = 0; i < LENGTH(suites); i++) {
        for (const test *test = suites[i].tests; test->name != NULL; test++) {
            char name[256];
            snprintf(name, sizeof name, "%s: %s", suites[i].name, test->name);
            if (argc > 2 && strstr(name, argv[2]) == NULL) {
                continue;
            }
            const int before = failures;
            test->run();
            size_t count = 0;
            if (hepml_handles_count(&count) != HEPML_STATUS_OK || count != left) {
                char details[64];
                snprintf(details, sizeof details, "left %zu handles more than the %zu before", count - left, left);
                report_failure(__FILE__, __LINE__, name, details);
                left = count;
            }
            printf("%s %s\n", failures == before ? "ok    " : "FAILED", name);
            fflush(stdout);
            run++;
        }
    }
    printf("%d tests, %d failures\n", run, failures);
    return run > 0 && failures == 0 ? 0 : 1;
}
