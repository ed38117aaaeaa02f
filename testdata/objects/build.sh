#!/bin/sh
# Rebuilds the objects beside it (or in the folder OUT) from their C sources.
# CLANG and LLVM_STRIP name the tools (default: clang-19 and llvm-strip-19); compiler.txt says which clang made the committed ones.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}
OUT=${OUT:-.}

# build OUTPUT SOURCE FLAGS...: without DWARF, which nothing here reads.
build() {
  output=$OUT/$1
  source=$2
  shift 2
  "$CLANG" -O2 -Wall -Wno-unused -fdebug-compilation-dir=. "$@" -c "$source" -o "$output"
  "$STRIP" -g "$output"
}

for name in maps data calls externs types core core-kinds core-engine kernel; do
  build $name.bpf.o $name.bpf.c -g -target bpfel -mcpu=v3
done
for name in legacy legacy-def; do
  build $name.bpf.o $name.bpf.c -target bpfel -mcpu=v1
done
for version in 1 2 3 4; do
  build isa-v$version.bpf.o isa.bpf.c -g -target bpfel -mcpu=v$version
done
build big-endian.bpf.o isa.bpf.c -g -target bpfeb -mcpu=v3
# One with its DWARF, as people build them.
"$CLANG" -O2 -Wall -Wno-unused -fdebug-compilation-dir=. -g -target bpfel -mcpu=v3 -c calls.bpf.c -o "$OUT/calls-dwarf.bpf.o"
"$CLANG" --version | head -n 1 >"$OUT/compiler.txt"
