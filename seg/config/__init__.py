"""The configuration's own rules: schema, targets and where the files lie."""
