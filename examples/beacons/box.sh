#!/bin/bash
# A beacon in shell and curl: takes the jobs of the beacon "box" and hands in how busy it is.
worker="$(hostname)-$$"

say() {  # say PATH ACTION [FIELD=VALUE ...]: one call; the answer is a job as JSON, or nothing
  local url="$URL/api/jobs$1?action=$2" fields=(--data-urlencode "worker=$worker") field; shift 2
  for field; do fields+=(--data-urlencode "$field"); done
  curl --silent --show-error --fail --max-time 40 --header "X-User-Key: $USERKEY" "${fields[@]}" "$url"
}
number() { grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d : -f 2; }

while true; do
  job=$(say "" pickup beacon_name=box wait=20 lease=60) || { sleep $((RANDOM % 10 + 1)); continue; }
  [ -n "$job" ] || continue
  id=$(number id <<< "$job") fence=$(number fence <<< "$job")
  say "/$id" start "fence=$fence" > /dev/null
  load=$(uptime | grep -o 'load average.*')
  say "/$id" end "fence=$fence" "result[]={\"load\": \"$load\"}" > /dev/null || echo "job $id is lost"
done
