"""A server of trained networks: page, API, Open Inference Protocol, label tools."""
