"""Training objectives: `loss(logits_BKHW, label_BHW) -> scalar`, right with ignored pixels.

Those with a true `lean` take `CoarseLogits` in place of the logits, and need less memory with them.
"""
