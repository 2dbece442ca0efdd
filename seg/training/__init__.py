"""The parts that Lightning runs: tasks, their checkpoints, callbacks and loggers."""
