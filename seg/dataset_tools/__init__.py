"""What is done to a dataset before training: check, count, preview, copy, download."""
