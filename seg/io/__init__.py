"""Files of the project's own, and JSON, CSV and YAML of others, read within limits.

Files outlive crashes, disks and editors, so any byte may be wrong: whatever a file holds ends in a
value or in a `DataError` that names the file and the remedy.
"""
