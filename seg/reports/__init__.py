"""`report.html`: what a run left, as one page to look at."""
