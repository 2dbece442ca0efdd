"""Images with classes of their own: datasets, augmentation and mixing for classification."""
