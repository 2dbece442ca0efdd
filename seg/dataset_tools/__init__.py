"""Work on datasets before training: verify, count, preview, copy, download."""
