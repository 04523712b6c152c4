#!/bin/bash
# timeout 600
# One seed is one history on every compiler and at every level of optimisation: the trace hashes of a lossy, churning network and of
# one with colluders are the same from gcc -O0, gcc -O3 and clang -O2. What differs would be undefined, or floating point where it must not be.
set -eu
root=${KAD_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/main.c" <<'END'
#include "sim/sim.h"
int main(int argc, char **argv) { return kad_sim_main(argc, argv); }
END
cat >"$work/trace.scn" <<'END'
peers 80; latency world; loss 3%; bursts 1%; duplicate 2%; reorder 5%; ids bep42; family dual
churn exponential 5m 2m; disk keep; tables join over 10s; check 0
put 20 at 60s; announce 20 at 60s; get all at 90s; find all at 90s; lookup 30 at 3m; partition 30% for 30s at 2m; end 5m
END

cat >"$work/colluders.scn" <<'END'
network kad-toy; peers 60; latency world; tables join over 20s; check 0
attack sybil 100 in 10 for 24h at 30s
put 50 at 2m; get 200 at 150s over 30s; end 4m
END

mapfile -t sources < <(find "$root"/src/{base,crypto,core,wire,channel,engine,lookout} "$root"/src/store "$root/sim" -name '*.c' 2>/dev/null |
    grep -Ev '_test\.c$|/test_|/store/lmdb|/without_|/base/test' | sort)

trace() { # compiler level
    "$@" -std=c11 -I"$root/include" -I"$root/src" -I"$root" "$work/main.c" "${sources[@]}" -lsodium -lcrypto -lm -o "$work/kad-sim"
    for scenario in trace colluders; do
        for seed in 1 2; do
            "$work/kad-sim" "$work/$scenario.scn" --seed "$seed" --json | grep -o '"trace": "[0-9a-f]*"'
        done
    done
}

expected=$(trace gcc -O0)
[ "$(sort -u <<<"$expected" | wc -l)" = 4 ] || { echo "two seeds, one trace"; exit 1; }
for compiler in "gcc -O3" "clang -O2"; do
    got=$(trace $compiler)
    if [ "$got" != "$expected" ]; then
        echo "$compiler: $got"
        echo "gcc -O0: $expected"
        exit 1
    fi
done
echo "gcc -O0, gcc -O3 and clang -O2 agree: $expected"
