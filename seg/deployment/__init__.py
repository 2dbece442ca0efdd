"""Exports: networks as files of other engines, compared with the network itself, and their use."""
