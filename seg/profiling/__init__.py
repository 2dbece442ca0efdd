"""Cost of networks: counted, measured, and compared with full convolutions."""
