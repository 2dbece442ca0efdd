"""Images of labels and predictions for people."""
