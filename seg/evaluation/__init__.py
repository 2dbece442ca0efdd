"""What a trained network is worth: numbers, how sure they are, and under which protocol."""
