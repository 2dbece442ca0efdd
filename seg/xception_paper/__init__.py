"""What a sweep says of the claims of the Xception paper (Chollet, CVPR 2017)."""
