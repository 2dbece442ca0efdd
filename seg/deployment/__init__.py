"""Networks as files of other engines, held against the network itself, and what runs them."""
