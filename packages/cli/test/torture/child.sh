# What runs under the lock: writes "<id> <fencing token> <nanoseconds>" again and again, and so does a child of its own.
# Arguments: id, file, how many lines, exit code, whether it hears SIGTERM (hears or deaf), whether it leaves its child behind
id=$1 file=$2 lines=$3 code=$4
[ "$5" = deaf ] && trap '' TERM
tell() { echo "$id $LOCK_FENCING_TOKEN $(date +%s%N)" >> "$file"; }
(while :; do tell; sleep 0.05; done) &
other=$!
while [ "$lines" -gt 0 ]; do
  tell
  sleep 0.02
  lines=$((lines - 1))
done
tell
[ "$6" = leaves ] || kill -9 $other
exit "$code"
