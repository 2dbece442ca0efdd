"""What a network learns from besides labels: other networks, and pictures without labels."""
