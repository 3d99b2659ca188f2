// A second translation unit with hepml.hpp, which is included twice, and after macros of other people's headers.
#define check(x) this macro must not be expanded
#define require(x, label) this macro must not be expanded
#define verify(x) this macro must not be expanded
#include "hepml.hpp"
#include "hepml.hpp"

std::size_t pairs_of(const hepml::flows& events);

std::size_t pairs_of(const hepml::flows& events) { return hepml::emd().pairwise(events).pair_count(); }
