"""From a trained network to label maps."""
