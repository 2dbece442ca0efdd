"""What Lightning sees: the tasks, their checkpoints, callbacks and loggers."""
