"""One file a format, with a `FORMAT`."""
