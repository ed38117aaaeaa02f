#!/bin/sh
# Rebuilds the object beside it (or in the folder OUT) from its C source, as objects/build.sh does.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}
OUT=${OUT:-.}
"$CLANG" -O2 -Wall -Wno-unused -fdebug-compilation-dir=. -g -target bpfel -mcpu=v3 -c rejections.bpf.c -o "$OUT/rejections.bpf.o"
"$STRIP" -g "$OUT/rejections.bpf.o"
"$CLANG" --version | head -n 1 >"$OUT/compiler.txt"
