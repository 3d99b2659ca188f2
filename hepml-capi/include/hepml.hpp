// hepml.hpp: the C++17 interface of hepml, a header over hepml.h and nothing else but the standard library.
//
// - What fails throws hepml::error, whose what() names argument, event and particle and whose status() says what kind it is.
//   Nothing else is thrown but what the user's own callbacks, projections and ranges throw, and std::bad_alloc where there is not
//   even memory for copies of arguments and for texts. Destructors do not throw.
// - Objects own what the library made: they can be moved, not copied. One that was moved from throws when it is used. All are
//   immutable: any number of threads may use one at once, as long as none moves, assigns or destroys it.
// - particles, momenta and span are views of numbers that stay the caller's, read during the call. Like std::string_view, a view
//   of a temporary must not outlive the statement that made it. of() gives a copy, from which a view is made only while it has a
//   name: const auto jet = hepml::particles::of(...); emd.value(jet, other).
// - threads: 1 unless said otherwise; 0 is one for each processor. Numbers never depend on it.
// - A progress callback is any callable that takes a const hepml::progress& and returns bool (true: go on) or void. It is called on
//   the thread that made the call. What it throws stops the work and is thrown again by the call. An empty std::function is none.
#ifndef HEPML_HPP
#define HEPML_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hepml.h"

namespace hepml {
// Plugins of one process that were built with different series of this header must not share its inline functions.
inline namespace v0_1 {

// ---------------------------------------------------------------- errors

/// What a call came to; the numbers are those of hepml_status.
enum class status : std::int32_t {
    ok = HEPML_STATUS_OK,
    null_pointer = HEPML_STATUS_NULL_POINTER,
    invalid_handle = HEPML_STATUS_INVALID_HANDLE,
    misaligned = HEPML_STATUS_MISALIGNED,
    invalid_utf8 = HEPML_STATUS_INVALID_UTF8,
    invalid_enum = HEPML_STATUS_INVALID_ENUM,
    capacity = HEPML_STATUS_CAPACITY,
    shape = HEPML_STATUS_SHAPE,
    not_finite = HEPML_STATUS_NOT_FINITE,
    out_of_range = HEPML_STATUS_OUT_OF_RANGE,
    empty = HEPML_STATUS_EMPTY,
    unknown_name = HEPML_STATUS_UNKNOWN_NAME,
    invalid_options = HEPML_STATUS_INVALID_OPTIONS,
    wrong_input = HEPML_STATUS_WRONG_INPUT,
    invalid_model = HEPML_STATUS_INVALID_MODEL,
    io = HEPML_STATUS_IO,
    stopped = HEPML_STATUS_STOPPED,
    not_converged = HEPML_STATUS_NOT_CONVERGED,
    panic = HEPML_STATUS_PANIC,
    out_of_memory = HEPML_STATUS_OUT_OF_MEMORY,
    other = HEPML_STATUS_OTHER,
};

/// The name of a status, such as "HEPML_STATUS_SHAPE".
[[nodiscard]] inline const char* name(status value) { return hepml_status_name(static_cast<std::int32_t>(value)); }

/// What every function of this header throws.
class error : public std::runtime_error {
public:
    error(hepml::status status, const std::string& message) : std::runtime_error(message), status_(status) {}
    [[nodiscard]] hepml::status status() const noexcept { return status_; }

private:
    hepml::status status_;
};

/// HEPML_ABI_VERSION of the library that runs.
[[nodiscard]] inline std::uint32_t abi_version() noexcept { return hepml_abi_version(); }
/// The version of the library that runs, such as "0.1.0".
[[nodiscard]] inline const char* version() noexcept { return hepml_version(); }

namespace detail {

/// Throws what the library said of a call that failed.
inline void must(hepml_status value) {
    if (value != HEPML_STATUS_OK) {
        throw error(static_cast<status>(value), hepml_last_error_message());
    }
}

inline void require_size(const char* what, std::size_t expected, std::size_t got) {
    if (expected != got) {
        throw error(status::shape,
                    std::string(what) + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
    }
}

/// a * b, or an error that says what would be too large.
inline std::size_t product(const char* what, std::size_t a, std::size_t b) {
    if (a != 0 && b > std::numeric_limits<std::size_t>::max() / a) {
        throw error(status::shape, std::string(what) + ": " + std::to_string(a) + " times " + std::to_string(b) +
                                       " are more than can be counted");
    }
    return a * b;
}

/// Zeros, or an error that says what there is no memory for.
inline std::vector<double> room(const char* what, std::size_t count) {
    try {
        return std::vector<double>(count);
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
    throw error(status::out_of_memory, std::string(what) + ": there is no memory for " + std::to_string(count) + " numbers");
}

/// The owner of a handle.
template <class T, auto Free>
class handle {
public:
    handle() noexcept = default;
    handle(handle&& from) noexcept : raw_(std::exchange(from.raw_, nullptr)) {}
    handle& operator=(handle&& from) noexcept {
        if (this != &from) {
            reset();
            raw_ = std::exchange(from.raw_, nullptr);
        }
        return *this;
    }
    ~handle() { reset(); }

    /// The handle for a call, which `what` needs to be there.
    [[nodiscard]] const T* get(const char* what) const {
        if (raw_ == nullptr) {
            throw error(status::invalid_handle, std::string(what) + " is used after it was moved from");
        }
        return raw_;
    }
    [[nodiscard]] bool empty() const noexcept { return raw_ == nullptr; }
    /// Where a call puts a new handle; this owner is empty.
    [[nodiscard]] T** out() noexcept { return &raw_; }

private:
    void reset() noexcept {
        if (raw_ != nullptr) {
            // It is a handle that the library gave out and nobody else frees: this cannot fail.
            static_cast<void>(Free(&raw_));
            raw_ = nullptr;
        }
    }

    T* raw_ = nullptr;
};

template <class T>
struct type_identity {
    using type = T;
};
/// A parameter from which no template argument is deduced.
template <class T>
using identity = typename type_identity<T>::type;

/// A text that a call writes into room of the size it asks for.
template <class Call>
std::string text(const Call& call) {
    std::size_t length = 0;
    detail::must(call(nullptr, std::size_t{0}, &length));
    // One for the NUL.
    std::string text(length + 1, '\0');
    detail::must(call(text.data(), text.size(), &length));
    text.resize(length);
    return text;
}

/// The NUL-terminated text of a string, which must not hold a NUL before its end: C would not see the rest.
inline const char* c_text(const char* what, const std::string& text) {
    if (text.find('\0') != std::string::npos) {
        throw error(status::out_of_range, std::string(what) + " holds a NUL character");
    }
    return text.c_str();
}

inline std::int32_t flag(bool value) noexcept { return value ? 1 : 0; }

/// A tuple or std::array of numbers of any types as f64.
template <class Tuple>
std::array<double, std::tuple_size<Tuple>::value> numbers(const Tuple& tuple) {
    return std::apply(
        [](const auto&... values) {
            return std::array<double, sizeof...(values)>{{static_cast<double>(values)...}};
        },
        tuple);
}

template <class Range>
using range_element = std::decay_t<decltype(*std::begin(std::declval<const Range&>()))>;

/// Whether it is a range of numbers.
template <class Range, class = void>
struct holds_numbers : std::false_type {};
template <class Range>
struct holds_numbers<Range, std::void_t<range_element<Range>, decltype(std::end(std::declval<const Range&>()))>>
    : std::is_arithmetic<range_element<Range>> {};

/// A copy of any numbers.
template <class Range>
std::vector<double> copy(const Range& range) {
    std::vector<double> copy;
    for (const auto& value : range) {
        copy.push_back(static_cast<double>(value));
    }
    return copy;
}

template <class Range>
using data_element = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(std::declval<const Range&>()))>>;

/// Whether it is contiguous, with elements that are rows of N numbers.
template <class Range, std::size_t N, class = void>
struct holds_rows : std::false_type {};
template <class Range, std::size_t N>
struct holds_rows<Range, N, std::void_t<data_element<Range>, decltype(std::size(std::declval<const Range&>()))>>
    : std::bool_constant<std::is_same_v<data_element<Range>, std::array<double, N>> ||
                         std::is_same_v<data_element<Range>, double[N]>> {};

struct flat_rows {
    const double* data;
    std::size_t count;
};

/// The numbers of rows of N, or of one row after another.
template <std::size_t N, class Range>
flat_rows view_rows(const Range& range) {
    using element = data_element<Range>;
    const std::size_t size = std::size(range);
    if constexpr (std::is_same_v<element, std::array<double, N>>) {
        return {size == 0 ? nullptr : std::data(range)->data(), size};
    } else if constexpr (std::is_same_v<element, double[N]>) {
        return {size == 0 ? nullptr : *std::data(range), size};
    } else {
        static_assert(std::is_same_v<element, double>, "rows are of double; copy other types with of()");
        if (size % N != 0) {
            throw error(status::shape, "rows of " + std::to_string(N) + " numbers: " + std::to_string(size) +
                                           " numbers are not a whole number of them");
        }
        return {size == 0 ? nullptr : std::data(range), size / N};
    }
}

}  // namespace detail

// ---------------------------------------------------------------- views

/// A pointer and a length, from std::vector, std::array, an array, std::span, or anything with data() and size().
template <class T>
class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /// A temporary is taken for const T only: nobody could read what was written into it.
    template <class Range, class Element = std::remove_pointer_t<decltype(std::data(std::declval<Range&>()))>,
              class = decltype(std::size(std::declval<Range&>())),
              std::enable_if_t<!std::is_array_v<std::remove_reference_t<Range>> &&
                                   !std::is_same_v<std::remove_cv_t<std::remove_reference_t<Range>>, span> &&
                                   std::is_convertible_v<Element (*)[], T (*)[]> &&
                                   (std::is_lvalue_reference_v<Range> || std::is_const_v<T>),
                               int> = 0>
    constexpr span(Range&& range) : data_(std::data(range)), size_(std::size(range)) {}

    [[nodiscard]] constexpr T* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr T* begin() const noexcept { return data_; }
    [[nodiscard]] constexpr T* end() const noexcept { return data_ + size_; }
    [[nodiscard]] constexpr T& operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

class particle_columns;
class momentum_columns;

/// The particles of one event as transverse momenta, rapidities and azimuths.
class particles {
public:
    /// None.
    particles() noexcept = default;

    /// A range of rows: std::vector<std::array<double, 3>>, double[n][3], ...
    template <class Range, std::enable_if_t<detail::holds_rows<Range, 3>::value, int> = 0>
    particles(const Range& rows) : particles(detail::view_rows<3>(rows)) {}

    /// Rows (pt, y, phi), one after another or as a range of rows.
    template <class Range>
    [[nodiscard]] static particles rows(const Range& rows) {
        return particles(detail::view_rows<3>(rows));
    }

    /// Columns of equal length.
    [[nodiscard]] static particles columns(span<const double> pt, span<const double> y, span<const double> phi) {
        detail::require_size("rapidities", pt.size(), y.size());
        detail::require_size("azimuths", pt.size(), phi.size());
        return strided(pt.data(), y.data(), phi.data(), 1, pt.size());
    }

    /// Members of the structs of an array, without a copy: particles::members(jets, &Jet::pt, &Jet::y, &Jet::phi).
    template <class T>
    [[nodiscard]] static particles members(detail::identity<span<const T>> structs, double T::*pt, double T::*y,
                                           double T::*phi) {
        static_assert(sizeof(T) % sizeof(double) == 0, "such structs are not a whole number of doubles apart: use of()");
        if (structs.empty()) {
            return {};
        }
        const T& first = structs[0];
        return strided(&(first.*pt), &(first.*y), &(first.*phi), sizeof(T) / sizeof(double), structs.size());
    }

    /// Particle i at pt[i * stride], y[i * stride], phi[i * stride].
    [[nodiscard]] static particles strided(const double* pt, const double* y, const double* phi, std::size_t stride,
                                           std::size_t count) noexcept {
        particles view;
        view.raw_ = {pt, y, phi, stride, count};
        return view;
    }

    /// A copy of any particles: the projection of each is a tuple or std::array (pt, y, phi) of any numbers.
    template <class Range, class Projection>
    [[nodiscard]] static particle_columns of(const Range& range, const Projection& projection);

    /// A copy of columns of any numbers.
    template <class Pt, class Y, class Phi>
    [[nodiscard]] static particle_columns of(const Pt& pt, const Y& y, const Phi& phi);

    [[nodiscard]] std::size_t size() const noexcept { return raw_.count; }
    /// For calls of hepml.h.
    [[nodiscard]] const hepml_particles& raw() const noexcept { return raw_; }

private:
    explicit particles(detail::flat_rows rows) noexcept {
        if (rows.count != 0) {
            raw_ = {rows.data, rows.data + 1, rows.data + 2, 3, rows.count};
        }
    }

    hepml_particles raw_{nullptr, nullptr, nullptr, 1, 0};
};

/// What four numbers say of a particle; the units are the user's (GeV, rad).
enum class coordinates : std::int32_t {
    px_py_pz_e = HEPML_COORDINATES_PX_PY_PZ_E,
    pt_y_phi_m = HEPML_COORDINATES_PT_Y_PHI_M,
    pt_eta_phi_m = HEPML_COORDINATES_PT_ETA_PHI_M,
};

/// Four-momenta, of one event or of many.
class momenta {
public:
    /// Rows of four numbers, one after another or as a range of rows.
    template <class Range>
    [[nodiscard]] static momenta rows(hepml::coordinates coordinates, const Range& rows) {
        const detail::flat_rows flat = detail::view_rows<4>(rows);
        if (flat.count == 0) {
            return momenta(coordinates);
        }
        return strided(coordinates, {{flat.data, flat.data + 1, flat.data + 2, flat.data + 3}}, 4, flat.count);
    }

    /// Columns of equal length, in the order of the coordinates' name.
    [[nodiscard]] static momenta columns(hepml::coordinates coordinates, span<const double> first,
                                         span<const double> second, span<const double> third,
                                         span<const double> fourth) {
        detail::require_size("second column of momenta", first.size(), second.size());
        detail::require_size("third column of momenta", first.size(), third.size());
        detail::require_size("fourth column of momenta", first.size(), fourth.size());
        return strided(coordinates, {{first.data(), second.data(), third.data(), fourth.data()}}, 1, first.size());
    }

    /// Members of the structs of an array, without a copy.
    template <class T>
    [[nodiscard]] static momenta members(hepml::coordinates coordinates, detail::identity<span<const T>> structs,
                                         double T::*first, double T::*second, double T::*third, double T::*fourth) {
        static_assert(sizeof(T) % sizeof(double) == 0, "such structs are not a whole number of doubles apart: use of()");
        if (structs.empty()) {
            return momenta(coordinates);
        }
        const T& at = structs[0];
        return strided(coordinates, {{&(at.*first), &(at.*second), &(at.*third), &(at.*fourth)}},
                       sizeof(T) / sizeof(double), structs.size());
    }

    /// Particle i at columns[c][i * stride].
    [[nodiscard]] static momenta strided(hepml::coordinates coordinates, const std::array<const double*, 4>& columns,
                                         std::size_t stride, std::size_t count) noexcept {
        momenta view(coordinates);
        std::copy(columns.begin(), columns.end(), view.raw_.columns);
        view.raw_.stride = stride;
        view.raw_.count = count;
        return view;
    }

    /// A copy of any particles: the projection of each is a tuple or std::array of four numbers.
    template <class Range, class Projection>
    [[nodiscard]] static momentum_columns of(hepml::coordinates coordinates, const Range& range,
                                             const Projection& projection);

    /// A copy of columns of any numbers.
    template <class First, class Second, class Third, class Fourth>
    [[nodiscard]] static momentum_columns of(hepml::coordinates coordinates, const First& first, const Second& second,
                                             const Third& third, const Fourth& fourth);

    [[nodiscard]] std::size_t size() const noexcept { return raw_.count; }
    /// For calls of hepml.h.
    [[nodiscard]] const hepml_momenta& raw() const noexcept { return raw_; }

private:
    explicit momenta(hepml::coordinates coordinates) noexcept
        : raw_{{nullptr, nullptr, nullptr, nullptr}, 1, 0, static_cast<std::int32_t>(coordinates)} {}

    hepml_momenta raw_;
};

namespace detail {

/// N columns of equal length.
template <std::size_t N>
class columns {
public:
    template <class Tuple>
    void push(const Tuple& tuple) {
        static_assert(std::tuple_size<Tuple>::value == N, "the projection has another number of numbers than there are columns");
        const std::array<double, N> row = detail::numbers(tuple);
        for (std::size_t column = 0; column < N; ++column) {
            data_[column].push_back(row[column]);
        }
    }
    template <class Range>
    void assign(std::size_t column, const Range& range) {
        data_[column] = detail::copy(range);
        detail::require_size("columns of different lengths", data_[0].size(), data_[column].size());
    }
    void resize(std::size_t size) {
        for (auto& column : data_) {
            column.resize(size);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return data_[0].size(); }
    [[nodiscard]] std::vector<double>& operator[](std::size_t column) noexcept { return data_[column]; }
    [[nodiscard]] const std::vector<double>& operator[](std::size_t column) const noexcept { return data_[column]; }

private:
    std::array<std::vector<double>, N> data_;
};

}  // namespace detail

/// Columns (pt, y, phi) that it owns; wherever particles are wanted, they are these. Made by particles::of. Keep it in a variable
/// (auto): the particles are a view of it.
class particle_columns {
public:
    operator particles() const&& = delete;
    operator particles() const& { return particles::columns(columns_[0], columns_[1], columns_[2]); }
    [[nodiscard]] std::size_t size() const noexcept { return columns_.size(); }
    [[nodiscard]] const std::vector<double>& pt() const noexcept { return columns_[0]; }
    [[nodiscard]] const std::vector<double>& y() const noexcept { return columns_[1]; }
    [[nodiscard]] const std::vector<double>& phi() const noexcept { return columns_[2]; }

private:
    friend class particles;
    detail::columns<3> columns_;
};

template <class Range, class Projection>
particle_columns particles::of(const Range& range, const Projection& projection) {
    particle_columns copy;
    for (const auto& particle : range) {
        copy.columns_.push(projection(particle));
    }
    return copy;
}

template <class Pt, class Y, class Phi>
particle_columns particles::of(const Pt& pt, const Y& y, const Phi& phi) {
    particle_columns copy;
    copy.columns_.assign(0, pt);
    copy.columns_.assign(1, y);
    copy.columns_.assign(2, phi);
    return copy;
}

/// Four columns that it owns; wherever momenta are wanted, they are these. Made by momenta::of and convert. Keep it in a variable
/// (auto): the momenta are a view of it.
class momentum_columns {
public:
    operator momenta() const&& = delete;
    operator momenta() const& {
        return momenta::columns(coordinates_, columns_[0], columns_[1], columns_[2], columns_[3]);
    }
    [[nodiscard]] std::size_t size() const noexcept { return columns_.size(); }
    [[nodiscard]] hepml::coordinates coordinates() const noexcept { return coordinates_; }
    /// A column, 0 to 3 in the order of the coordinates' name.
    [[nodiscard]] const std::vector<double>& column(std::size_t index) const {
        if (index > 3) {
            throw error(status::out_of_range, "column " + std::to_string(index) + " of momenta: there are 4");
        }
        return columns_[index];
    }

private:
    friend class momenta;
    friend momentum_columns convert(const momenta& from, hepml::coordinates to);
    explicit momentum_columns(hepml::coordinates coordinates) : coordinates_(coordinates) {}

    hepml::coordinates coordinates_;
    detail::columns<4> columns_;
};

template <class Range, class Projection>
momentum_columns momenta::of(hepml::coordinates coordinates, const Range& range, const Projection& projection) {
    momentum_columns copy(coordinates);
    for (const auto& particle : range) {
        copy.columns_.push(projection(particle));
    }
    return copy;
}

template <class First, class Second, class Third, class Fourth>
momentum_columns momenta::of(hepml::coordinates coordinates, const First& first, const Second& second,
                             const Third& third, const Fourth& fourth) {
    momentum_columns copy(coordinates);
    copy.columns_.assign(0, first);
    copy.columns_.assign(1, second);
    copy.columns_.assign(2, third);
    copy.columns_.assign(3, fourth);
    return copy;
}

/// The same momenta in other coordinates.
[[nodiscard]] inline momentum_columns convert(const momenta& from, hepml::coordinates to) {
    momentum_columns result(to);
    result.columns_.resize(from.size());
    double* const out[4] = {result.columns_[0].data(), result.columns_[1].data(), result.columns_[2].data(),
                            result.columns_[3].data()};
    detail::must(hepml_momenta_convert(&from.raw(), static_cast<std::int32_t>(to), out, 1, from.size()));
    return result;
}

// ---------------------------------------------------------------- progress

/// How far a call is, while its callback runs.
class progress {
public:
    explicit progress(const hepml_progress& raw) noexcept : raw_(raw) {}
    [[nodiscard]] std::string_view stage() const { return raw_.stage; }
    [[nodiscard]] std::uint64_t step() const noexcept { return raw_.step; }
    /// The steps there will be; 0 if that is not known.
    [[nodiscard]] std::uint64_t total() const noexcept { return raw_.total; }
    /// What is measured on the way (losses): how many, and the name and value of each.
    [[nodiscard]] std::size_t measure_count() const noexcept { return raw_.measure_count; }
    [[nodiscard]] std::pair<std::string_view, double> measure(std::size_t index) const {
        if (index >= raw_.measure_count) {
            throw error(status::out_of_range, "measure " + std::to_string(index) + " of " + std::to_string(raw_.measure_count));
        }
        return {raw_.measure_names[index], raw_.measure_values[index]};
    }
    /// The measure of that name, if there is one.
    [[nodiscard]] std::optional<double> measure(std::string_view measure_name) const {
        for (std::size_t index = 0; index < raw_.measure_count; ++index) {
            if (raw_.measure_names[index] == measure_name) {
                return raw_.measure_values[index];
            }
        }
        return std::nullopt;
    }

private:
    const hepml_progress& raw_;
};

/// The callback of who does not want to know.
struct no_progress {};

namespace detail {

/// Carries a callable through C, and what it throws back.
template <class Callable>
class trampoline {
public:
    explicit trampoline(Callable& callable) noexcept : callable_(callable) {}

    [[nodiscard]] hepml_progress_callback callback() const {
        if constexpr (std::is_same_v<std::remove_cv_t<Callable>, no_progress>) {
            return nullptr;
        } else if constexpr (std::is_assignable_v<std::remove_cv_t<Callable>&, std::nullptr_t>) {
            // A std::function or a pointer: it may hold no function.
            return callable_ == nullptr ? nullptr : &call;
        } else {
            return &call;
        }
    }
    [[nodiscard]] void* user() noexcept { return this; }
    void rethrow() const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }

private:
    static std::int32_t call(const hepml_progress* raw, void* user) noexcept {
        auto& self = *static_cast<trampoline*>(user);
        try {
            const progress view(*raw);
            using result = std::invoke_result_t<Callable&, const progress&>;
            // In C, 0 means to go on: a number would be taken for its opposite.
            static_assert(std::is_void_v<result> || std::is_same_v<result, bool>,
                          "a progress callback returns bool (true: go on) or void");
            if constexpr (std::is_void_v<result>) {
                self.callable_(view);
                return 0;
            } else {
                return self.callable_(view) ? 0 : 1;
            }
        } catch (...) {
            self.thrown_ = std::current_exception();
            return 1;
        }
    }

    Callable& callable_;
    std::exception_ptr thrown_;
};

}  // namespace detail

// ---------------------------------------------------------------- tables and sets of particles

/// Events as rows of numbers. It holds a copy.
class table {
public:
    /// rows * columns numbers, row-major.
    table(span<const double> data, std::size_t rows, std::size_t columns) {
        detail::require_size("numbers of a table", detail::product("rows and columns of a table", rows, columns), data.size());
        detail::must(hepml_table_from_rows(data.data(), rows, columns, handle_.out()));
    }

    /// Columns of equal length.
    [[nodiscard]] static table from_columns(const std::vector<span<const double>>& columns) {
        std::vector<const double*> pointers;
        const std::size_t rows = columns.empty() ? 0 : columns.front().size();
        for (const span<const double>& column : columns) {
            detail::require_size("columns of a table with different numbers of rows", rows, column.size());
            pointers.push_back(column.data());
        }
        table result;
        detail::must(hepml_table_from_columns(pointers.data(), pointers.size(), rows, result.handle_.out()));
        return result;
    }

    /// A row for each element of any range: its projection is a tuple or std::array of any numbers.
    template <class Range, class Projection>
    [[nodiscard]] static table of(const Range& range, const Projection& projection) {
        using row = std::decay_t<decltype(projection(*std::begin(range)))>;
        std::vector<double> data;
        std::size_t rows = 0;
        for (const auto& element : range) {
            const auto numbers = detail::numbers(projection(element));
            data.insert(data.end(), numbers.begin(), numbers.end());
            ++rows;
        }
        return table(data, rows, std::tuple_size<row>::value);
    }

    [[nodiscard]] std::size_t rows() const { return shape()[0]; }
    [[nodiscard]] std::size_t columns() const { return shape()[1]; }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_table* raw() const { return handle_.get("a hepml::table"); }

private:
    table() noexcept = default;
    [[nodiscard]] std::array<std::size_t, 2> shape() const {
        std::array<std::size_t, 2> shape{};
        detail::must(hepml_table_shape(raw(), &shape[0], &shape[1]));
        return shape;
    }

    detail::handle<hepml_table, hepml_table_free> handle_;
};

/// A number for each particle, by its name. It holds a copy.
struct feature {
    feature(std::string its_name, std::vector<double> numbers) : name(std::move(its_name)), values(std::move(numbers)) {}
    template <class Range, std::enable_if_t<detail::holds_numbers<Range>::value, int> = 0>
    feature(std::string its_name, const Range& numbers) : name(std::move(its_name)), values(detail::copy(numbers)) {}

    std::string name;
    std::vector<double> values;
};

namespace detail {

/// How many events offsets are of: they begin with 0, and each is where an event ends.
inline std::size_t events_of(span<const std::size_t> offsets) {
    if (offsets.empty()) {
        throw error(status::shape, "offsets are empty, but hold one number more than there are events");
    }
    return offsets.size() - 1;
}

}  // namespace detail

/// Events as sets of particles, any number in each. It holds a copy.
class sets {
public:
    /// Event i has the particles offsets[i] to offsets[i + 1] - 1; so there is one offset more than events, the first is 0, the last
    /// the number of particles.
    sets(const momenta& particles, span<const std::size_t> offsets, const std::vector<feature>& features = {}) {
        std::vector<const char*> names;
        std::vector<const double*> columns;
        for (const feature& each : features) {
            names.push_back(detail::c_text("the name of a feature", each.name));
            detail::require_size(("feature " + each.name).c_str(), particles.size(), each.values.size());
            columns.push_back(each.values.data());
        }
        detail::must(hepml_sets_new(&particles.raw(), offsets.data(), detail::events_of(offsets), names.data(),
                                     columns.data(), features.size(), handle_.out()));
    }

    /// A copy of events that are ranges of any particles: the projection of each is a tuple or std::array of four numbers in
    /// these coordinates, and then one for each feature.
    template <class Events, class Projection>
    [[nodiscard]] static sets of(hepml::coordinates coordinates, const Events& events, const Projection& projection,
                                 const std::vector<std::string>& features = {}) {
        using particle = decltype(*std::begin(*std::begin(events)));
        constexpr std::size_t width = std::tuple_size<std::decay_t<decltype(projection(std::declval<particle>()))>>::value;
        static_assert(width >= 4, "the projection must give four numbers, and one for each feature");
        detail::require_size("features of which the projection tells", width - 4, features.size());
        detail::columns<width> columns;
        std::vector<std::size_t> offsets{0};
        for (const auto& event : events) {
            for (const auto& each : event) {
                columns.push(projection(each));
            }
            offsets.push_back(columns.size());
        }
        std::vector<feature> named;
        for (std::size_t index = 0; index < features.size(); ++index) {
            named.emplace_back(features[index], std::move(columns[4 + index]));
        }
        return sets(momenta::columns(coordinates, columns[0], columns[1], columns[2], columns[3]), offsets, named);
    }

    [[nodiscard]] std::size_t event_count() const { return shape()[0]; }
    [[nodiscard]] std::size_t particle_count() const { return shape()[1]; }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_sets* raw() const { return handle_.get("a hepml::sets"); }

private:
    [[nodiscard]] std::array<std::size_t, 2> shape() const {
        std::array<std::size_t, 2> shape{};
        detail::must(hepml_sets_shape(raw(), &shape[0], &shape[1]));
        return shape;
    }

    detail::handle<hepml_sets, hepml_sets_free> handle_;
};

/// Events as energies at points (y, phi): what divergences compare. It holds a copy.
class flows {
public:
    /// Event i has the particles offsets[i] to offsets[i + 1] - 1, as in sets.
    flows(const particles& all, span<const std::size_t> offsets) {
        detail::must(hepml_flows_new(&all.raw(), offsets.data(), detail::events_of(offsets), handle_.out()));
    }

    /// A copy of events that are ranges of any particles: the projection of each is a tuple or std::array (pt, y, phi).
    template <class Events, class Projection>
    [[nodiscard]] static flows of(const Events& events, const Projection& projection) {
        detail::columns<3> columns;
        std::vector<std::size_t> offsets{0};
        for (const auto& event : events) {
            for (const auto& each : event) {
                columns.push(projection(each));
            }
            offsets.push_back(columns.size());
        }
        return flows(particles::columns(columns[0], columns[1], columns[2]), offsets);
    }

    /// Transverse momenta, rapidities and azimuths of sets; about_axis: relative to the axis of each, as jets are compared.
    explicit flows(const sets& events, bool about_axis = false) {
        detail::must(hepml_flows_from_sets(events.raw(), detail::flag(about_axis), handle_.out()));
    }

    [[nodiscard]] std::size_t event_count() const { return shape()[0]; }
    [[nodiscard]] std::size_t particle_count() const { return shape()[1]; }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_flows* raw() const { return handle_.get("a hepml::flows"); }

private:
    [[nodiscard]] std::array<std::size_t, 2> shape() const {
        std::array<std::size_t, 2> shape{};
        detail::must(hepml_flows_shape(raw(), &shape[0], &shape[1]));
        return shape;
    }

    detail::handle<hepml_flows, hepml_flows_free> handle_;
};

// ---------------------------------------------------------------- divergences

/// The values of all pairs of one list of events, or as many as there were when the callback stopped the work.
class pairwise_values {
public:
    [[nodiscard]] std::size_t event_count() const noexcept { return events_; }
    /// How many pairs there are when all are done: n (n - 1) / 2.
    [[nodiscard]] std::size_t pair_count() const noexcept { return pairs_; }
    [[nodiscard]] std::size_t done() const noexcept { return values_.size(); }
    [[nodiscard]] bool complete() const noexcept { return done() == pairs_; }
    /// The pairs i < j that are done, row after row: (0, 1), (0, 2), ..., (1, 2), ...
    [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }

    /// The value between two events; 0 for an event with itself.
    [[nodiscard]] double operator()(std::size_t i, std::size_t j) const {
        if (i >= events_ || j >= events_) {
            throw error(status::out_of_range, "events " + std::to_string(i) + " and " + std::to_string(j) + ": there are " +
                                                  std::to_string(events_));
        }
        if (i == j) {
            return 0.0;
        }
        const std::size_t first = std::min(i, j), second = std::max(i, j);
        // Row k has n - 1 - k pairs: before row i there are i (n - 1) - i (i - 1) / 2, and (i, j) is number j - i - 1 in its row.
        const std::size_t index = first * (events_ - 1) - first * (first + 1) / 2 + second - 1;
        if (index >= values_.size()) {
            throw error(status::stopped, "events " + std::to_string(i) + " and " + std::to_string(j) +
                                             " were not done when the work was stopped");
        }
        return values_[index];
    }

    /// The whole symmetric matrix, row-major.
    [[nodiscard]] std::vector<double> matrix() const {
        if (!complete()) {
            throw error(status::stopped,
                        "only " + std::to_string(done()) + " of " + std::to_string(pairs_) + " pairs were done");
        }
        std::vector<double> matrix =
            detail::room("a matrix of events", detail::product("rows and columns of a matrix", events_, events_));
        std::size_t pair = 0;
        for (std::size_t i = 0; i < events_; ++i) {
            for (std::size_t j = i + 1; j < events_; ++j, ++pair) {
                matrix[i * events_ + j] = values_[pair];
                matrix[j * events_ + i] = values_[pair];
            }
        }
        return matrix;
    }

private:
    friend class divergence;
    explicit pairwise_values(std::size_t events)
        : events_(events),
          pairs_(events == 0 ? 0 : detail::product("pairs of events", events, events - 1) / 2),
          values_(detail::room("pairs of events", pairs_)) {}

    std::size_t events_;
    std::size_t pairs_;
    std::vector<double> values_;
};

/// The values between each event of one list and each of another, or as many as there were when the callback stopped the work.
class cross_values {
public:
    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
    [[nodiscard]] std::size_t done() const noexcept { return values_.size(); }
    [[nodiscard]] bool complete() const noexcept { return done() == rows_ * columns_; }
    /// The values that are done, row-major.
    [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }

    [[nodiscard]] double operator()(std::size_t row, std::size_t column) const {
        if (row >= rows_ || column >= columns_) {
            throw error(status::out_of_range, "row " + std::to_string(row) + " and column " + std::to_string(column) +
                                                  ": there are " + std::to_string(rows_) + " and " + std::to_string(columns_));
        }
        const std::size_t index = row * columns_ + column;
        if (index >= values_.size()) {
            throw error(status::stopped, "row " + std::to_string(row) + ", column " + std::to_string(column) +
                                             " was not done when the work was stopped");
        }
        return values_[index];
    }

private:
    friend class divergence;
    cross_values(std::size_t rows, std::size_t columns)
        : rows_(rows),
          columns_(columns),
          values_(detail::room("pairs of events", detail::product("rows and columns of events", rows, columns))) {}

    std::size_t rows_;
    std::size_t columns_;
    std::vector<double> values_;
};

/// How far apart two events are: an emd or a spectral_emd.
class divergence {
public:
    [[nodiscard]] double value(const particles& a, const particles& b) const {
        double value = 0.0;
        detail::must(hepml_divergence_value(raw(), &a.raw(), &b.raw(), &value));
        return value;
    }

    /// value to the power of this is the distance that obeys the triangle inequality, where there is one.
    [[nodiscard]] double exponent() const {
        double exponent = 0.0;
        detail::must(hepml_divergence_exponent(raw(), &exponent));
        return exponent;
    }

    /// The value of each pair of events. If the callback stops the work, the result is what was done; it says so.
    template <class Progress = no_progress>
    [[nodiscard]] pairwise_values pairwise(const flows& events, std::size_t threads = 1,
                                           Progress&& progress = Progress{}) const {
        pairwise_values result(events.event_count());
        run(result.values_, progress, [&](auto callback, void* user, std::size_t* done) {
            return hepml_divergence_pairwise(raw(), events.raw(), threads, callback, user, result.values_.data(),
                                             result.values_.size(), done);
        });
        return result;
    }

    /// The value between each event of one list and each of another. If the callback stops the work, the result is what was done.
    template <class Progress = no_progress>
    [[nodiscard]] cross_values cross(const flows& rows, const flows& columns, std::size_t threads = 1,
                                     Progress&& progress = Progress{}) const {
        cross_values result(rows.event_count(), columns.event_count());
        run(result.values_, progress, [&](auto callback, void* user, std::size_t* done) {
            return hepml_divergence_cross(raw(), rows.raw(), columns.raw(), threads, callback, user,
                                          result.values_.data(), result.values_.size(), done);
        });
        return result;
    }

    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_divergence* raw() const { return handle_.get("a hepml::divergence"); }

    virtual ~divergence() = default;

protected:
    divergence() noexcept = default;
    // Not for users, who could make an emd of a spectral_emd by them.
    divergence(divergence&&) noexcept = default;
    divergence& operator=(divergence&&) noexcept = default;
    detail::handle<hepml_divergence, hepml_divergence_free> handle_;

private:
    template <class Progress, class Call>
    static void run(std::vector<double>& values, Progress& progress, const Call& call) {
        detail::trampoline<Progress> trampoline(progress);
        std::size_t done = 0;
        const hepml_status result = call(trampoline.callback(), trampoline.user(), &done);
        trampoline.rethrow();
        if (result != HEPML_STATUS_STOPPED) {
            detail::must(result);
        }
        values.resize(done);
    }
};

/// One entry of a transport plan.
struct transport_flow {
    std::size_t from;
    std::size_t to;
    double amount;
};

/// An optimal transport plan with its proof. Made by emd::solve.
class transport {
public:
    /// The EMD.
    [[nodiscard]] double value() const { return summary().value; }
    /// By how much the value can exceed the optimum, by weak duality.
    [[nodiscard]] double gap() const { return summary().gap; }
    [[nodiscard]] std::size_t pivots() const { return summary().pivots; }

    /// What goes from which particle of the first event to which of the second.
    [[nodiscard]] std::vector<transport_flow> flows() const {
        const std::size_t count = summary().flows;
        std::vector<std::size_t> from(count), to(count);
        std::vector<double> amount(count);
        detail::must(hepml_transport_flows(raw(), from.data(), to.data(), amount.data(), count));
        std::vector<transport_flow> flows;
        flows.reserve(count);
        for (std::size_t index = 0; index < count; ++index) {
            flows.push_back({from[index], to[index], amount[index]});
        }
        return flows;
    }

    /// What of each particle of the first event is moved nowhere.
    [[nodiscard]] std::vector<double> removed() const { return leftover().first; }
    /// What of each particle of the second event comes from nowhere.
    [[nodiscard]] std::vector<double> created() const { return leftover().second; }
    /// The dual potentials of the particles of the first event.
    [[nodiscard]] std::vector<double> source_potentials() const { return potentials().first; }
    /// The dual potentials of the particles of the second event.
    [[nodiscard]] std::vector<double> sink_potentials() const { return potentials().second; }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_transport* raw() const { return handle_.get("a hepml::transport"); }

private:
    friend class emd;
    using pair = std::pair<std::vector<double>, std::vector<double>>;

    transport() noexcept = default;
    /// What it was when it was made, as long as it was not moved from.
    [[nodiscard]] const hepml_transport_summary& summary() const {
        static_cast<void>(raw());
        return summary_;
    }
    [[nodiscard]] pair sides() const {
        return {std::vector<double>(summary().from_particles), std::vector<double>(summary().to_particles)};
    }
    [[nodiscard]] pair leftover() const {
        pair result = sides();
        detail::must(hepml_transport_leftover(raw(), result.first.data(), result.first.size(), result.second.data(),
                                               result.second.size()));
        return result;
    }
    [[nodiscard]] pair potentials() const {
        pair result = sides();
        detail::must(hepml_transport_potentials(raw(), result.first.data(), result.first.size(), result.second.data(),
                                                 result.second.size()));
        return result;
    }

    detail::handle<hepml_transport, hepml_transport_free> handle_;
    hepml_transport_summary summary_{};
};

struct emd_options {
    /// The unit of angular distances: beyond it, energy is dearer to move than to remove and create.
    double radius = 1.0;
    /// The power of the angular distance.
    double beta = 1.0;
    /// Whether the energies of each event are divided by their sum.
    bool normalise = false;
    /// Whether azimuths are taken around a circle.
    bool periodic_phi = false;
};

/// The exact Energy Mover's Distance.
class emd : public divergence {
public:
    explicit emd(const emd_options& options = {}) {
        detail::must(hepml_divergence_new_emd(options.radius, options.beta, detail::flag(options.normalise),
                                               detail::flag(options.periodic_phi), handle_.out()));
    }

    /// The value with the plan that has it and the proof that none is cheaper.
    [[nodiscard]] transport solve(const particles& a, const particles& b) const {
        transport result;
        detail::must(hepml_divergence_solve(raw(), &a.raw(), &b.raw(), result.handle_.out()));
        detail::must(hepml_transport_summarise(result.raw(), &result.summary_));
        return result;
    }
};

struct spectral_emd_options {
    /// The power of the angular distance.
    double beta = 1.0;
    /// Whether azimuths are taken around a circle.
    bool periodic_phi = false;
    /// The largest angular scale, for energies as they are; without it energies are normalised.
    std::optional<double> omega_max = std::nullopt;
};

/// The distance between the pairs of particles of two events: blind to rotations and translations, from one sort.
class spectral_emd : public divergence {
public:
    explicit spectral_emd(const spectral_emd_options& options = {}) {
        const double* omega_max = options.omega_max ? &*options.omega_max : nullptr;
        detail::must(hepml_divergence_new_spectral_emd(options.beta, detail::flag(options.periodic_phi), omega_max, handle_.out()));
    }
};

// ---------------------------------------------------------------- event shapes

struct thrust_axis {
    double thrust;
    double one_minus_thrust;
    std::array<double, 3> axis;
    /// The sum of the momenta's moduli.
    double total;
};

/// The thrust and its axis; transverse: of the momenta across the beam.
[[nodiscard]] inline thrust_axis thrust(const momenta& event, bool transverse = false) {
    hepml_thrust raw{};
    detail::must(hepml_thrust_axis(&event.raw(), detail::flag(transverse), &raw));
    return {raw.thrust, raw.one_minus_thrust, {{raw.axis[0], raw.axis[1], raw.axis[2]}}, raw.total};
}

struct spherocity_axis {
    double spherocity;
    /// In the transverse plane.
    std::array<double, 2> axis;
};

/// The transverse spherocity and its axis.
[[nodiscard]] inline spherocity_axis spherocity(const momenta& event) {
    spherocity_axis result{};
    detail::must(hepml_spherocity_axis(&event.raw(), &result.spherocity, result.axis.data()));
    return result;
}

enum class isotropy_cost : std::int32_t {
    quadratic = HEPML_ISOTROPY_COST_QUADRATIC,
    linear = HEPML_ISOTROPY_COST_LINEAR,
};

/// The distance of an event to one that is uniform on a ring, a cylinder or a sphere.
class isotropy {
public:
    [[nodiscard]] static isotropy ring(std::uint32_t points, isotropy_cost cost = isotropy_cost::quadratic) {
        isotropy result;
        detail::must(hepml_isotropy_new_ring(points, static_cast<std::int32_t>(cost), result.handle_.out()));
        return result;
    }
    [[nodiscard]] static isotropy cylinder(std::uint32_t n_phi, double y_max) {
        isotropy result;
        detail::must(hepml_isotropy_new_cylinder(n_phi, y_max, result.handle_.out()));
        return result;
    }
    [[nodiscard]] static isotropy sphere(std::uint32_t nside, isotropy_cost cost = isotropy_cost::quadratic) {
        isotropy result;
        detail::must(hepml_isotropy_new_sphere(nside, static_cast<std::int32_t>(cost), result.handle_.out()));
        return result;
    }

    [[nodiscard]] double value(const momenta& event) const {
        double value = 0.0;
        detail::must(hepml_isotropy_value(raw(), &event.raw(), &value));
        return value;
    }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_isotropy* raw() const { return handle_.get("a hepml::isotropy"); }

private:
    isotropy() noexcept = default;
    detail::handle<hepml_isotropy, hepml_isotropy_free> handle_;
};

enum class jet_measure : std::int32_t {
    conical = HEPML_JET_MEASURE_CONICAL,
    conical_geometric = HEPML_JET_MEASURE_CONICAL_GEOMETRIC,
};

struct n_subjettiness_options {
    jet_measure measure = jet_measure::conical;
    /// The power of the angular distance.
    double beta = 1.0;
    /// R0, the unit of angular distances.
    double radius = 1.0;
    /// Whether it is divided by sum pt.
    bool normalise = true;
    /// A particle that far from every axis counts as if it were at that distance.
    std::optional<double> cutoff = std::nullopt;
    /// Whether azimuths are taken around a circle.
    bool periodic_phi = true;
};

struct subjet_axis {
    double y;
    double phi;
    double energy;
};

/// The axes that were found, and whether the search converged.
struct subjets {
    /// The assignment of a particle that belongs to no axis.
    static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

    double tau;
    std::size_t iterations;
    double residual;
    bool converged;
    std::vector<subjet_axis> axes;
    /// For each particle the index of its axis, or none.
    std::vector<std::size_t> assignment;
};

/// N-subjettiness with optimised axes.
class n_subjettiness {
public:
    explicit n_subjettiness(const n_subjettiness_options& options = {}) {
        const double* cutoff = options.cutoff ? &*options.cutoff : nullptr;
        detail::must(hepml_n_subjettiness_new(static_cast<std::int32_t>(options.measure), options.beta, options.radius,
                                               detail::flag(options.normalise), cutoff,
                                               detail::flag(options.periodic_phi), handle_.out()));
    }

    /// tau_N.
    [[nodiscard]] double tau(std::size_t n, const particles& jet) const {
        double tau = 0.0;
        detail::must(hepml_n_subjettiness_tau(raw(), n, &jet.raw(), &tau));
        return tau;
    }

    /// tau_numerator / tau_denominator.
    [[nodiscard]] double ratio(std::size_t numerator, std::size_t denominator, const particles& jet) const {
        double ratio = 0.0;
        detail::must(hepml_n_subjettiness_ratio(raw(), numerator, denominator, &jet.raw(), &ratio));
        return ratio;
    }

    /// tau_N with its axes.
    [[nodiscard]] subjets axes(std::size_t n, const particles& jet) const {
        // There are no more axes than particles, so that a wrong n costs no memory.
        const std::size_t room = std::min(n, jet.size());
        std::vector<double> points(2 * room), energies(room);
        std::vector<std::size_t> assignment(jet.size());
        hepml_subjets found{};
        detail::must(hepml_n_subjettiness_axes(raw(), n, &jet.raw(), points.data(), energies.data(), room,
                                                assignment.data(), assignment.size(), &found));
        subjets result{found.tau, found.iterations, found.residual, found.converged != 0, {}, std::move(assignment)};
        for (std::size_t axis = 0; axis < found.count; ++axis) {
            result.axes.push_back({points[2 * axis], points[2 * axis + 1], energies[axis]});
        }
        return result;
    }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_n_subjettiness* raw() const { return handle_.get("a hepml::n_subjettiness"); }

private:
    detail::handle<hepml_n_subjettiness, hepml_n_subjettiness_free> handle_;
};

enum class manifold_kind : std::int32_t {
    points = HEPML_MANIFOLD_KIND_POINTS,
    ring = HEPML_MANIFOLD_KIND_RING,
    disk = HEPML_MANIFOLD_KIND_DISK,
    ellipse = HEPML_MANIFOLD_KIND_ELLIPSE,
};

struct manifold_options {
    /// The same with a particle at its centre; not for points.
    bool with_centre = false;
    /// The unit of angular distances.
    double radius = 1.0;
    /// The power of the angular distance.
    double beta = 1.0;
    /// Whether azimuths are taken around a circle.
    bool periodic_phi = false;
};

/// The nearest event of a manifold that was found. The search is local: `agreeing` of its `starts` came to the same.
struct manifold_fit {
    double value;
    std::size_t evaluations;
    std::size_t starts;
    std::size_t agreeing;
    double residual;
    bool converged;
    /// In the order of manifold::parameter_names.
    std::vector<double> parameters;
};

/// Event shapes as distances to manifolds of events: ringiness, diskiness, ellipsiness, N-pointiness.
class manifold {
public:
    /// resolution: points: how many; ring: samples; disk and ellipse: rings.
    explicit manifold(manifold_kind kind, std::size_t resolution, const manifold_options& options = {}) {
        detail::must(hepml_manifold_new(static_cast<std::int32_t>(kind), resolution, detail::flag(options.with_centre),
                                         options.radius, options.beta, detail::flag(options.periodic_phi), handle_.out()));
    }

    [[nodiscard]] std::vector<std::string> parameter_names() const {
        std::vector<std::string> names(parameter_count());
        for (std::size_t index = 0; index < names.size(); ++index) {
            names[index] = detail::text([&](char* text, std::size_t capacity, std::size_t* length) {
                return hepml_manifold_parameter_name(raw(), index, text, capacity, length);
            });
        }
        return names;
    }

    [[nodiscard]] manifold_fit nearest(const particles& event) const {
        std::vector<double> parameters(parameter_count());
        hepml_manifold_fit fit{};
        detail::must(hepml_manifold_nearest(raw(), &event.raw(), parameters.data(), parameters.size(), &fit));
        return {fit.value, fit.evaluations, fit.starts, fit.agreeing, fit.residual, fit.converged != 0, std::move(parameters)};
    }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_manifold* raw() const { return handle_.get("a hepml::manifold"); }

private:
    [[nodiscard]] std::size_t parameter_count() const {
        std::size_t count = 0;
        detail::must(hepml_manifold_parameter_count(raw(), &count));
        return count;
    }

    detail::handle<hepml_manifold, hepml_manifold_free> handle_;
};

// ---------------------------------------------------------------- models

enum class input : std::int32_t {
    table = HEPML_INPUT_TABLE,
    sets = HEPML_INPUT_SETS,
};

/// What a model takes and gives.
struct model_info {
    hepml::input input;
    /// Whether its one output is the logarithm of a likelihood ratio.
    bool is_ratio;
    /// Of tables; 0 for sets.
    std::size_t columns;
    std::size_t outputs;
};

enum class learner : std::int32_t {
    trees = HEPML_LEARNER_TREES,
    mlp = HEPML_LEARNER_MLP,
};

/// Events with weights, or with the weight 1 each. The events stay the caller's, in a variable; it holds a copy of the weights.
class sample {
public:
    sample(const table& events) noexcept : events_(&events) {}
    sample(const table& events, std::vector<double> weights) noexcept : events_(&events), weights_(std::move(weights)) {}
    template <class Range, std::enable_if_t<detail::holds_numbers<Range>::value, int> = 0>
    sample(const table& events, const Range& weights) : events_(&events), weights_(detail::copy(weights)) {}
    sample(const table&& events) = delete;
    sample(const table&& events, std::vector<double> weights) = delete;
    template <class Range>
    sample(const table&& events, const Range& weights) = delete;

    [[nodiscard]] const table& events() const noexcept { return *events_; }
    [[nodiscard]] const std::optional<std::vector<double>>& weights() const noexcept { return weights_; }

private:
    const table* events_;
    std::optional<std::vector<double>> weights_;
};

struct fit_options {
    /// A JSON object with the options that differ from the defaults; see default_options.
    std::string options = {};
    /// The same seed gives the same model.
    std::uint64_t seed = 0;
    std::size_t threads = 1;
};

/// The options of a learner with their defaults, a JSON object.
[[nodiscard]] inline std::string default_options(learner which) {
    return detail::text([&](char* text, std::size_t capacity, std::size_t* length) {
        return hepml_learner_options(static_cast<std::int32_t>(which), text, capacity, length);
    });
}

class model;
/// Fits the logarithm of the ratio of two densities, from samples of both. If the callback stops the fit, the result is the model
/// so far, whose report says so; if there is none yet, this throws status::stopped.
template <class Progress = no_progress>
[[nodiscard]] model fit_ratio(learner which, const sample& numerator, const sample& denominator,
                              const fit_options& options = {}, Progress&& progress = Progress{});

/// A trained network, ensemble of trees or likelihood ratio.
class model {
public:
    [[nodiscard]] static model load(const std::string& path) {
        model result;
        detail::must(hepml_model_load(detail::c_text("the path of a model", path), result.handle_.out()));
        return result;
    }
    [[nodiscard]] static model from_bytes(span<const std::uint8_t> bytes) {
        model result;
        detail::must(hepml_model_from_bytes(bytes.data(), bytes.size(), result.handle_.out()));
        return result;
    }

    void save(const std::string& path) const {
        detail::must(hepml_model_save(raw(), detail::c_text("the path of a model", path)));
    }
    /// What save writes.
    [[nodiscard]] std::vector<std::uint8_t> to_bytes() const {
        std::size_t length = 0;
        detail::must(hepml_model_to_bytes(raw(), nullptr, 0, &length));
        std::vector<std::uint8_t> bytes(length);
        detail::must(hepml_model_to_bytes(raw(), bytes.data(), bytes.size(), &length));
        return bytes;
    }

    [[nodiscard]] model_info info() const {
        hepml_model_info info{};
        detail::must(hepml_model_describe(raw(), &info));
        return {static_cast<hepml::input>(info.input), info.is_ratio != 0, info.columns, info.outputs};
    }
    /// What is in its file besides numbers: architecture, columns and features it needs, how it was fitted. JSON.
    [[nodiscard]] std::string metadata() const {
        return detail::text([&](char* text, std::size_t capacity, std::size_t* length) {
            return hepml_model_metadata(raw(), text, capacity, length);
        });
    }
    /// The report of its fit: measures with errors, learning curves, warnings. JSON.
    [[nodiscard]] std::string report() const {
        return detail::text([&](char* text, std::size_t capacity, std::size_t* length) {
            return hepml_model_report(raw(), text, capacity, length);
        });
    }

    /// The outputs of each event, row-major [events, outputs]: class probabilities of a tagger, ln r of a ratio.
    [[nodiscard]] std::vector<double> evaluate(const table& events, std::size_t threads = 1) const {
        std::vector<double> values =
            detail::room("outputs", detail::product("events and outputs", events.rows(), info().outputs));
        evaluate(events, values, threads);
        return values;
    }
    [[nodiscard]] std::vector<double> evaluate(const sets& events, std::size_t threads = 1) const {
        std::vector<double> values =
            detail::room("outputs", detail::product("events and outputs", events.event_count(), info().outputs));
        evaluate(events, values, threads);
        return values;
    }
    /// The same into room of the caller.
    void evaluate(const table& events, span<double> values, std::size_t threads = 1) const {
        detail::must(hepml_model_evaluate_table(raw(), events.raw(), threads, values.data(), values.size()));
    }
    void evaluate(const sets& events, span<double> values, std::size_t threads = 1) const {
        detail::must(hepml_model_evaluate_sets(raw(), events.raw(), threads, values.data(), values.size()));
    }
    /// For calls of hepml.h; it stays this object's.
    [[nodiscard]] const hepml_model* raw() const { return handle_.get("a hepml::model"); }

private:
    template <class Progress>
    friend model fit_ratio(learner which, const sample& numerator, const sample& denominator, const fit_options& options,
                           Progress&& progress);
    model() noexcept = default;

    detail::handle<hepml_model, hepml_model_free> handle_;
};

template <class Progress>
model fit_ratio(learner which, const sample& numerator, const sample& denominator, const fit_options& options,
                Progress&& progress) {
    // NULL would say that there are no weights: an empty list of weights is something else.
    static constexpr double none = 0.0;
    const auto pointer = [](const std::optional<std::vector<double>>& weights) -> const double* {
        return weights ? (weights->empty() ? &none : weights->data()) : nullptr;
    };
    const auto count = [](const std::optional<std::vector<double>>& weights) { return weights ? weights->size() : 0; };
    const char* json = options.options.empty() ? nullptr : detail::c_text("the options", options.options);
    detail::trampoline<std::remove_reference_t<Progress>> trampoline(progress);
    model result;
    const hepml_status fitted = hepml_ratio_fit(
        static_cast<std::int32_t>(which), json, numerator.events().raw(), pointer(numerator.weights()),
        count(numerator.weights()), denominator.events().raw(), pointer(denominator.weights()),
        count(denominator.weights()), options.seed, options.threads, trampoline.callback(), trampoline.user(),
        result.handle_.out());
    trampoline.rethrow();
    if (fitted != HEPML_STATUS_STOPPED || result.handle_.empty()) {
        detail::must(fitted);
    }
    return result;
}

}  // namespace v0_1
}  // namespace hepml

#endif  // HEPML_HPP
