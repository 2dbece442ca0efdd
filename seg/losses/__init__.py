"""Training objectives: `loss(logits_BKHW, label_BHW) -> scalar`, right with ignored pixels.

Those with a true `accepts_coarse_logits` take `CoarseLogits` in place of the logits, and need
less memory with them.
"""
