"""The content of `benchmark.json` of two benchmarks."""

TRAINING = {
    "seconds": {"smp eager": [1.0], "seg": [0.4, 0.5, 0.6], "seg, channels_last": [0.2, 0.25, 0.9]},
    "peak_mib": {"smp eager": 900.0, "seg": 800.0, "seg, channels_last": 700.0},
    "job": {"batch": 4, "size": [64, 64], "device": "a card"},
}
DATA = {"streets": {"textbook": [0.1], "seg, first epoch": [0.05], "seg, later epochs": [0.01]}}
