"""Datasets, label spaces, strict readers, augmentation and the order in which samples are seen."""
