"""Training objectives: `loss(logits_BKHW, label_BHW) -> scalar`, right with ignored pixels."""
