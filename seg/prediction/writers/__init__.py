"""One file a kind of output; its name is what `formats=[...]` takes, its class is `FORMAT`."""
