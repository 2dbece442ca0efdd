"""The claims of the Xception paper (Chollet, CVPR 2017), tested by a sweep."""
