"""Lightning callbacks: checkpoints, weight averages, progress, records."""
