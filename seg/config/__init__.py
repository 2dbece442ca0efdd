"""Rules of the configuration: its schema, its targets and where its files lie."""
