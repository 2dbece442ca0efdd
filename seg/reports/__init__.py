"""`report.html`: the files of a run as one page."""
