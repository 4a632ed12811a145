#!/bin/sh
# The server with a profiler at its side, which ends with it. It stands where the benchmark looks for the server itself.
perf record --quiet --freq 997 --call-graph dwarf,16384 --output "$PROFILE_SAMPLES" --pid $$ > "$PROFILE_SAMPLES.log" 2>&1 &
echo $! > "$PROFILE_SAMPLES.pid"
# It looks at the threads there are when it begins, and at those that they start: it must not begin between the two.
sleep 1
exec "$PROFILE_SERVER" "$@"
