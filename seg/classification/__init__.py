"""Image classification: the second LightningModule, which trains encoders."""
