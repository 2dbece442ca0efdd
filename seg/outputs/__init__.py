"""What a run leaves behind: numbers and pictures."""
