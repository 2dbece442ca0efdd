"""Images in the order in which labels of them teach the network most."""
