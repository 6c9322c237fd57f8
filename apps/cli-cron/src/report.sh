# The work: six steps, each a line in the ledger with the fencing token, which a database would check.
for step in 1 2 3 4 5 6; do
  echo "$HOST $$ $LOCK_FENCING_TOKEN $step $(date +%s%N)" >> "$LEDGER"
  sleep 0.2
done
