"""Routes of the server: a router a file."""
