#!/usr/bin/env bash
# Runs the long parts of the tests and writes what came out, with the commit, to target/long/PART.txt.
#
# Usage: scripts/long.sh PART...
# A part is made of the ignored tests whose path has a word that begins with its name: the part
# rollup-random runs `rollup_random_…` and `…::rollup_random::…`; parts that begin with evm- are tests
# of evm/. The part rollup-production is one rollup of production size, built and proved by `meze bench
# production`; killed and run again, it goes on. All parts run, even after one failed.
set -euo pipefail

cd "$(dirname "$0")/.."
mkdir -p target/long
[ $# -gt 0 ] || { echo "long: name at least one part" >&2; exit 1; }

commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || commit="$commit with uncommitted changes"

run_part() {
    if [ "$1" = rollup-production ]; then
        cargo build --locked --release -p meze
        "${CARGO_TARGET_DIR:-target}/release/meze" bench production --json \
            --persist --data-dir target/long/production
    else
        case $1 in
            miden-peers) make miden-peer miden-client ;;
            miden-browser) scripts/setup.sh chromium ;;
            evm-long-anvil) scripts/setup.sh anvil ;;
        esac
        # Blocks of Ethereum are a workspace of their own. This runs in a subshell, as a side of a pipe.
        case $1 in
            evm-*)
                cd evm
                export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/evm
                ;;
        esac
        cargo nextest run --workspace --profile long --run-ignored only --no-capture \
            -E "test(/(^|::)${1//-/_}/)"
    fi
}

failed=()
for part in "$@"; do
    result=target/long/$part.txt
    start=$(date +%s)
    {
        echo "part: $part"
        echo "commit: $commit"
        echo "started: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    } >"$result"
    outcome=passed
    run_part "$part" 2>&1 | tee -a "$result" || outcome=failed
    echo "result: $outcome after $((($(date +%s) - start + 59) / 60)) minutes" | tee -a "$result"
    [ "$outcome" = passed ] || failed+=("$part")
done

if [ ${#failed[@]} -gt 0 ]; then
    echo "long: failed: ${failed[*]}" >&2
    exit 1
fi
