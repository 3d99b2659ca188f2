#!/bin/sh
# Builds hepml's C and C++ interface and puts it under a prefix: sh hepml-capi/install.sh PREFIX
#
#   lib/libhepml.so.ABI and libhepml.so, lib/libhepml.a, include/hepml.h, include/hepml.hpp, lib/pkgconfig/hepml.pc and
#   hepml-static.pc, lib/cmake/hepml, share/licenses/hepml
#
# The prefix may be moved afterwards. Needs cargo (Rust 1.89 or newer) and the linker that it calls.
set -eu
# What is installed is for all users, however this one keeps files of his own.
umask 022

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

[ $# -eq 1 ] && [ -n "$1" ] || fail 'usage: sh install.sh PREFIX'
case $1 in -*) fail "PREFIX begins with a dash: $1 (usage: sh install.sh PREFIX)" ;; esac
command -v cargo >/dev/null || fail 'cargo is not on the PATH; see https://rustup.rs'
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p -- "$1" 2>/dev/null || fail "cannot make the folder $1"
prefix=$(CDPATH='' cd -- "$1" && pwd)
[ -w "$prefix" ] || fail "cannot write to $prefix"

abi=$(sed -n 's/^pub const HEPML_ABI_VERSION: u32 = \([0-9]*\);$/\1/p' "$here/src/version.rs")
[ -n "$abi" ] || fail "no ABI number in $here/src/version.rs"
case $(uname -s) in
  Darwin) built=libhepml_capi.dylib link=libhepml.dylib shared=libhepml.$abi.dylib soname=@rpath/$shared hide='' ;;
  # A shared library into which libhepml.a is linked must not offer its functions to others, which may be of another ABI.
  *) built=libhepml_capi.so link=libhepml.so shared=libhepml.so.$abi soname=$shared hide=-Wl,--exclude-libs,libhepml.a ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# cargo says on stdout where it put what, and on stderr which libraries of the system a program needs beside the static one.
{
  cargo rustc --manifest-path "$here/Cargo.toml" --release --locked --lib --message-format json-render-diagnostics \
    -- --print native-static-libs 2>&1 >"$work/artifacts" && : >"$work/built"
} | tee "$work/log" >&2
[ -e "$work/built" ] || fail 'cargo could not build the library'
artifact() {
  found=$(grep -o '"[^"]*[/\\]'"$1"'"' "$work/artifacts" | tail -n 1 | tr -d '"')
  [ -f "$found" ] || fail "cargo built no $1 (a target without such libraries?)"
  printf '%s\n' "$found"
}
shared_artifact=$(artifact "$built")
static_artifact=$(artifact libhepml_capi.a)
native=$(sed -n 's/^note: native-static-libs: //p' "$work/log" | tail -n 1)
# libgcc_s is there only as a shared library, and the compiler that links adds the libgcc that fits.
native=$(printf ' %s \n' "$native" | sed 's/ -lgcc_s / /g; s/^ *//; s/ *$//')
[ -n "$native" ] || fail 'rustc did not say which libraries of the system the static library needs'
version=$(sed -n 's/^#define HEPML_VERSION "\(.*\)"$/\1/p' "$here/include/hepml.h")
[ -n "$version" ] || fail "no version in $here/include/hepml.h"
url=$(sed -n 's/^repository = "\(.*\)"$/\1/p' "$here/../Cargo.toml")

# Under a new name first: a program that runs with the library of that name must not find it changed under its feet.
put() {
  mode=$1 from=$2 to=$prefix/$3
  mkdir -p -- "$(dirname -- "$to")" || fail "cannot make the folder of $to"
  cp -- "$from" "$to.new" && chmod "$mode" "$to.new" && mv -f -- "$to.new" "$to" || fail "cannot write $to"
}
# What line tables say of the sources is many times larger than the code. (On macOS it is elsewhere, and the library signed.)
put_stripped() {
  cp -- "$2" "$work/stripped"
  if [ "$(uname -s)" != Darwin ] && command -v strip >/dev/null; then strip -S "$work/stripped"; fi
  put "$1" "$work/stripped" "$3"
}
fill() {
  sed -e "s|@VERSION@|$version|g" -e "s|@URL@|$url|g" -e "s|@SHARED@|$shared|g" -e "s|@SONAME@|$soname|g" \
    -e "s|@NATIVE_LIBRARIES@|$native|g" -e "s|@HIDE@|${hide:+$hide }|g" \
    -e "s|@STATIC_NEEDS@|$(printf '%s\n' "${hide:+$hide }$native" | sed 's/ -/;-/g')|g" \
    "$here/install/$1.in" >"$work/filled"
  put 644 "$work/filled" "$2/$1"
}

put_stripped 755 "$shared_artifact" "lib/$shared"
ln -sf -- "$shared" "$prefix/lib/$link" || fail "cannot write $prefix/lib/$link"
put_stripped 644 "$static_artifact" lib/libhepml.a
put 644 "$here/include/hepml.h" include/hepml.h
put 644 "$here/include/hepml.hpp" include/hepml.hpp
fill hepml.pc lib/pkgconfig
fill hepml-static.pc lib/pkgconfig
fill hepmlConfig.cmake lib/cmake/hepml
fill hepmlConfigVersion.cmake lib/cmake/hepml
put 644 "$here/../LICENSE-MIT" share/licenses/hepml/LICENSE-MIT
put 644 "$here/../LICENSE-APACHE" share/licenses/hepml/LICENSE-APACHE

cat <<END
hepml $version (ABI $abi) is in $prefix. Build with it by

  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  c++ -std=c++17 program.cpp \$(pkg-config --cflags --libs hepml) -Wl,-rpath,$prefix/lib

or by find_package(hepml) and cmake -DCMAKE_PREFIX_PATH=$prefix.
END
