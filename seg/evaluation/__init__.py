"""Evaluation of trained networks: metrics, their confidence, and the protocol behind them."""
