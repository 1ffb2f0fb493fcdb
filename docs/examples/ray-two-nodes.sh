#!/bin/bash
# A batch on a Ray cluster: ray-two-nodes.sh jobs.jsonl
# Two nodes of one CPU each on this machine, by the loopback address alone: 127.0.0.2, which Linux has, for Ray takes
# 127.0.0.1 for the address that others reach the machine by. On real machines, start the head on one and
# `ray start --address=HEAD:6379` on each other, without --node-ip-address, and then the batch.
set -euo pipefail

ray start --head --port=6379 --node-ip-address=127.0.0.2 --num-cpus=1 --include-dashboard=false --disable-usage-stats
trap 'ray stop' EXIT # ends all of this user's Ray on this machine
ray start --address=127.0.0.2:6379 --node-ip-address=127.0.0.2 --num-cpus=1 --disable-usage-stats
textomorph batch "$1" --ray 127.0.0.2:6379 --resume --device cpu
