#!/bin/bash
# A batch as a Slurm array: sbatch slurm-array.sh jobs.jsonl
# The number of tasks is that of the shards; each takes its part of the lines. After a kill: the same again.
#SBATCH --job-name=textomorph
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --mem=3G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append # a task that is requeued keeps what it has told
set -euo pipefail

export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
textomorph batch "$1" --shard auto --resume --device cpu
