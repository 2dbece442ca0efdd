"""What happens around training: checkpoints and progress."""
