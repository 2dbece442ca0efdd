"""Tests that repeat others in further forms, a minute each; `pytest -m thorough` runs them.

`.ci/run` leaves them out, as it has 45 minutes. Each entry is the end of a test's name, and names
beside it what CI runs of the same kind.
"""

ENDS = {
    "test_memory_scaling.py::test_real_commands": "prediction/test_memory.py",
    "test_memory.py::test_a_large_picture": "test_a_raster_costs_no_more_the_taller_it_is",
    "test_serving_speed.py::test_memory_is_measured_while_sizes_change": "test_load.py",
    "leaves_numbers_table_and_picture[training-[fused]]": "[inference-[optimize]]",
    "test_it_runs[python -m seg.benchmark startup]": "test_one_second.py",
    "hydra/launcher=joblib hydra.launcher.n_jobs=2 seed=1,2,3]": "sweeps/test_launchers.py",
    "test_pretrain.py::test_a_killed_run_goes_on_as_if_it_had_not_been[twice]": "[once]",
    "test_pretrain.py::test_what_lacks_at_the_end_is_made[predictions.png]": "[metrics.json]",
    "test_pretrain.py::test_what_lacks_at_the_end_is_made[report.html]": "[metrics.json]",
    "test_plain_onnx_runtime_gives_the_labels_of_raw_values[grey]": "[four]",
    "test_plain_onnx_runtime_gives_the_labels_of_raw_values[floats]": "[four]",
    "test_the_engine_is_the_network[aoti]": "[onnx]",
    "test_a_signal_ends_every_process_and_saves[2-launcher]": "[15-group]",
    "test_a_signal_ends_every_process_and_saves[2-group]": "[15-group]",
    "test_a_signal_ends_every_process_and_saves[15-launcher]": "[15-group]",
    "test_resume.py::test_killed_while_writing[thrice]": "[twice]",
    "test_resume.py::test_what_lacks_at_the_end_is_made[evaluation.json]": "[metrics.json]",
    "test_resume.py::test_what_lacks_at_the_end_is_made[predictions.png]": "[metrics.json]",
    "test_resume.py::test_what_lacks_at_the_end_is_made[report.html]": "[metrics.json]",
}
