"""What networks cost: counted, measured, and beside what full convolutions would."""
