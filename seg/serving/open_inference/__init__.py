"""The Open Inference Protocol, version 2, over REST, with its binary tensor data extension."""
