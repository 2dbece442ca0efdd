"""Tests that repeat others in further forms, a minute each; `pytest -m thorough` runs them.

`.ci/run` leaves them out, as it has 45 minutes. Each entry is the end of a test's name, and names
beside it what CI runs of the same kind.
"""

ENDS = {
    "test_every_decoder_of_smp_passes_the_gate": "test_a_pooling_that_is_bound_to_the_traced_size",
    "test_it_runs[python -m seg.train -m optimizer.lr=1e-3,1e-2 "
    "encoder=aligned_xception41,aligned_xception65]": "sweeps/test_sweep.py",
    "test_it_runs[python -m seg.benchmark serve_memory]": "benchmarks/test_serving_speed.py",
    "test_it_runs[python -m seg.pretrain sweep=xception_paper]": "xception_paper/",
    "test_it_runs[python -m seg.benchmark evaluation rounds=9]": "benchmarks/test_tasks.py",
    "test_it_runs[python -m seg.train resume=SWEEP_DIR hydra.sweeper.retry_failed=true]": "sweeps/",
    "test_it_runs[python -m seg.train --config-dir SWEEP_DIR experiment=winner]": "sweeps/",
    "test_it_runs[python -m seg.export checkpoint=RUN_DIR format=onnx output_kind=logits]": "onnx]",
    "test_command.py::test_what_is_offered_for_an_export_is_typed[logits]": "[labels]",
    "test_a_sweep_of_two_processes_each_leaves_what_one_process_leaves": "test_two_machines",
    "test_rounds.py::test_kills_at_random_moments[2]": "[0]",
    "test_rounds.py::test_kills_at_random_moments[3]": "[1]",
    "test_rounds.py::test_full_disks_of_random_sizes[1]": "[0]",
    "test_formats.py::test_fewer_bits[pt2-bf16]": "[onnx-int8]",
    "test_formats.py::test_fewer_bits[onnx-fp16]": "[onnx-int8]",
    "test_formats.py::test_other_inputs[normalized]": "[uint8]",
    "test_every_input_of_four_bands_gives_the_logits[float32-pt2]": "[stored-pt2]",
    "test_every_input_of_four_bands_gives_the_logits[normalized-pt2]": "[stored-pt2]",
    "test_every_input_of_four_bands_gives_the_logits[float32-onnx]": "[stored-onnx]",
    "test_raw_values_give_the_labels_of_the_network[onnx-decoding2-4]": "[onnx-decoding0-8]",
    "test_a_longer_run_of_a_constant_rate_is_as_if_it_had_been_begun_so": "of_a_polynomial_rises",
    "test_xception_base.py::test_compiles[False]": "[True]",
    "test_memory.py::test_a_large_picture": "test_a_raster_costs_no_more_the_taller_it_is",
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
