"""Parameter groups, optimizers, learning-rate schedules and moving averages of weights."""
