"""How well a prediction fits the truth."""
