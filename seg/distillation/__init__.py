"""Terms of the training loss from other networks and from images without labels."""
