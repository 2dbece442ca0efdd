"""Networks: encoders, decoders, the segmenter that joins them, and the weights they read."""
