"""Files on disk or in an object store: where they lie, how they pair up, what they hold."""
