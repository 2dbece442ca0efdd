"""Export formats: one file each, with a `FORMAT`."""
