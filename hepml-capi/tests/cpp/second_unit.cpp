// A second translation unit with hepml.hpp, which is included twice.
#include "hepml.hpp"
#include "hepml.hpp"

std::size_t pairs_of(const hepml::flows& events);

std::size_t pairs_of(const hepml::flows& events) { return hepml::emd().pairwise(events).pair_count(); }
