"""Tasks done by other processes: on this machine, on a Ray cluster, under Slurm."""
