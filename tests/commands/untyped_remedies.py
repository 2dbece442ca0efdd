"""Where remedies are typed that no table of cases types, and which are not typed here, and why.

Each key is a part of a message as the code has it; `{}` is what the code fills in.
"""

from tests.commands import ranking_remedies, repository_remedies, serving_remedies

_WORDS = "config/test_typed_words.py::test_words_of_other_frameworks"
_OFFERED = "config/test_offered_words.py::test_what_is_offered_is_typed"
_LAYOUTS = "data/readers/test_layouts.py"
_YOLO = "data/datasets/test_yolo_seg.py"
_UNANNOTATED = "data/readers/test_unannotated_frames.py"
_DECODERS = "models/test_remedies.py::test_the_remedy_is_typed"
_SOUND_REST = "commands/test_prepare.py::test_faults_are_told_and_the_sound_rest_trains"
_SWEEP_GOES_ON = "sweeps/test_sweep.py::test_going_on_with_a_sweep_that_has_ended_runs_nothing"
_LONGER = "engine/test_other_choices.py::test_a_longer_run_of_a_polynomial_rises_again_and_says_so"
_STORED = "deployment/test_stored_input.py"
_EXPORT = "deployment/test_command.py::test_what_is_offered_for_an_export_is_typed"
_COCO = "data/readers/test_coco_layout.py"
_LABEL_STUDIO = "data/datasets/test_label_studio.py"
_GEOJSON = "data/datasets/test_geojson.py"
_GEOJSON_FILES = "data/readers/test_geojson_pairs.py"
_CVAT = "data/datasets/test_cvat_images.py"
_SUPERVISELY = "data/datasets/test_supervisely.py"
_VIA = "data/datasets/test_via.py"
_TEMPLATES = "data/readers/test_path_templates.py"
_DETECTED = "dataset_tools/test_detect.py::test_the_lines_that_are_printed_are_typed"
_OUTPUTS = "build/test_sigmoid_remedies.py::test_outputs_that_do_not_fit_the_labels"
_DRAWS = "sweeps/test_optuna_search.py::test_the_choice_that_a_message_allows_is_typed"

BESIDE = {
    **repository_remedies.BESIDE,
    **ranking_remedies.BESIDE,
    **serving_remedies.BESIDE,
    "input_kind=stored: the training declares no type": f"{_STORED}"
    "::test_images_of_a_float_graph_without_a_type_are_refused",
    "precision=int8: not verified with input_kind=stored": f"{_STORED}"
    "::test_eight_bits_are_calibrated_on_images_of_four_bands",
    "wildcards stand before the bands": "prediction/test_bands.py"
    "::test_bands_that_lie_in_a_file_each",
    "encoder=timm encoder.name={option}": _WORDS,
    "decoder=smp decoder.name=Unet": _WORDS,
    "TensorBoard and a CSV file: logger=default": _WORDS,
    "dataset=folder dataset.root=DIR": _WORDS,
    "classification_dataset=image_folder classification_dataset.root=DIR": _WORDS,
    "dataset=folder dataset.root={0}": _OFFERED,
    "classification_dataset.root={0} or resume={0}": _OFFERED,
    "checkpoint={0} or input={0}": "config/test_typed_words.py::test_a_path_alone",
    "on another number of devices: keep_global_batch_size=true": "engine/test_resume.py"
    "::test_another_number_of_processes_is_refused_or_shares_the_step_anew",
    "type this choice again beside resume=": "engine/test_resume_argument.py"
    "::test_a_record_cannot_bring_what_may_be_commands_unless_typed",
    "give hydra.run.dir=DIRECTORY": "config/test_run_location.py"
    "::test_results_without_a_place_are_refused_with_the_remedy",
    "dataset.annotation=labelIds reads": "data/datasets/test_cityscapes.py"
    "::test_missing_train_ids_point_to_label_ids",
    "differ in case or blanks alone": "data/datasets/test_labelme.py"
    "::test_labels_that_differ_in_case_or_blanks_alone_are_named_with_a_remedy_that_works",
    "has a box and no segmentation": "data/datasets/test_coco_instances.py"
    "::test_crowds_boxes_and_the_rest_may_be_ignored",
    "give the directory that these paths start from": f"{_COCO}::test_other_places_are_options",
    "are annotation files of the split": f"{_COCO}::test_of_two_files_for_a_split_one_is_chosen",
    "take the newest of each task: dataset.several=newest": f"{_LABEL_STUDIO}"
    "::test_of_several_annotations_the_newest_counts_if_that_is_chosen",
    "name the one that was labelled: dataset.image_key=KEY": f"{_LABEL_STUDIO}"
    "::test_of_several_keys_of_images_one_is_chosen",
    "name the export: dataset.annotations=FILE": f"{_LABEL_STUDIO}"
    "::test_of_several_files_one_is_chosen",
    "leave such results out: 'dataset.exclude_types": f"{_LABEL_STUDIO}"
    "::test_types_may_be_left_out",
    "dataset.unannotated=background needs": f"{_UNANNOTATED}::test_they_can_be_left_out",
    "frames without annotation: dataset.unannotated=background": f"{_UNANNOTATED}"
    "::test_they_can_be_left_out",
    "has no class {}; add it, or leave": f"{_UNANNOTATED}::test_they_can_be_left_out",
    "to check it: python -m seg.prepare verify": _DETECTED,
    "to train on it: python -m seg.train": _DETECTED,
    "give dataset.root=DIRECTORY of any kind": _DETECTED,
    "'dataset.images=**/*.jpg'": f"{_TEMPLATES}::test_typed_patterns_reach_the_dataset_as_they_are",
    "no field {": f"{_TEMPLATES}::test_the_template_gives_the_label_of_an_image",
    "objects of several types are drawn": f"{_GEOJSON}::test_objects_of_a_type_are_chosen",
    "the property that holds them: dataset.class_property=": f"{_GEOJSON}"
    "::test_the_property_of_the_class_is_found_or_named",
    "nothing says which property holds the class": f"{_GEOJSON}"
    "::test_the_property_of_the_class_is_found_or_named",
    "the property that holds the class: dataset.class_property=": f"{_GEOJSON}"
    "::test_the_property_of_the_class_is_found_or_named",
    "give them an area, or leave them out: dataset.undrawn=exclude": f"{_GEOJSON}"
    "::test_what_has_no_class_or_no_area_is_refused_or_left_out",
    "give them one, or leave them out: dataset.unclassified=exclude": f"{_GEOJSON}"
    "::test_what_has_no_class_or_no_area_is_refused_or_left_out",
    "such images are background: dataset.unannotated=background": f"{_GEOJSON_FILES}"
    "::test_a_raster_without_polygons_of_the_common_file_is_named",
    "one file for all images: dataset.annotations=FILE": f"{_GEOJSON_FILES}"
    "::test_of_several_common_files_one_is_named",
    "name the directory of the files: dataset.annotations=": f"{_GEOJSON_FILES}"
    "::test_files_lie_in_other_directories_and_splits_too",
    "or name the directory of the images: dataset.images=": f"{_GEOJSON_FILES}"
    "::test_files_lie_in_other_directories_and_splits_too",
    "if they are pixels: dataset.coordinates=pixels": "data/readers/test_geojson_place.py"
    "::test_what_coordinates_mean_is_asked_where_nothing_says_it",
    "leave them out as CVAT does: dataset.undrawn=exclude": f"{_CVAT}"
    "::test_what_is_not_drawn_may_be_left_out",
    "in Supervisely, or leave them out: dataset.undrawn=exclude": f"{_SUPERVISELY}"
    "::test_shapes_without_an_area_are_named_or_left_out",
    "or split all images by a fraction: dataset.split_by=fraction": f"{_SUPERVISELY}"
    "::test_tags_are_splits_and_untagged_images_are_logged",
    "choose what splits it: dataset.split_by=datasets": f"{_SUPERVISELY}"
    "::test_where_datasets_and_tags_are_called_like_splits_one_is_chosen",
    "draw them as polygons, or leave them out: dataset.undrawn=exclude": f"{_VIA}"
    "::test_regions_without_an_area_are_named_or_left_out",
    "dataset={} needs an option to open it": "dataset_tools/test_detect.py"
    "::test_the_option_that_a_kind_needs_is_named",
    "choose one: dataset.class_attribute=KEY": f"{_VIA}"
    "::test_the_class_is_the_only_attribute_or_the_chosen_one",
    "name the class of all of them: dataset.default_class=NAME": f"{_VIA}"
    "::test_regions_without_attributes_get_the_default_class",
    "or name the class of such regions: dataset.default_class=NAME": f"{_VIA}"
    "::test_the_class_is_the_only_attribute_or_the_chosen_one",
    "COCO annotations: dataset=coco_instances": f"{_VIA}::test_other_and_damaged_files_are_refused",
    "keep one of them there, or name it: dataset.annotations=FILE": f"{_VIA}"
    "::test_files_are_splits_or_one_is_chosen",
    "dataset.merge_groups=false draws each": f"{_CVAT}"
    "::test_shapes_cover_each_other_as_in_cvats_masks",
    "or dataset.sbd=DIR, where": "data/datasets/test_pascal_voc.py"
    "::test_trainaug_from_the_files_of_sbd",
    "give values=index for positions": "prediction/test_run.py"
    "::test_label_files_hold_the_ids_of_the_data_set",
    "look like levels of grey": "data/readers/test_grey_labels.py"
    "::test_grey_levels_ask_and_both_remedies_work",
    "list them in {} and give dataset=csv": f"{_LAYOUTS}"
    "::test_what_no_option_pairs_is_listed_in_the_table_of_the_message",
    " dataset.split_column=null": f"{_LAYOUTS}"
    "::test_what_no_option_pairs_is_listed_in_the_table_of_the_message",
    " dataset.unannotated={}": "dataset_tools/test_detect.py"
    "::test_images_without_annotation_are_what_the_tool_means_by_them",
    "it is of an export of CVAT or Datumaro: dataset=cvat_mask": "data/datasets/test_pascal_voc.py"
    "::test_an_export_with_other_classes_in_the_same_directories_is_refused",
    "or choose one: dataset.classes=FILE": "data/datasets/test_folder.py"
    "::test_the_masks_of_roboflow_bring_their_classes",
    "it opens as another kind: {}": "dataset_tools/test_detect.py"
    "::test_of_a_wrong_kind_the_right_one_is_named",
    "dataset.boxes=draw fills boxes": "data/readers/test_yolo_polygons.py"
    "::test_boxes_are_an_error_or_filled",
    "give dataset.data_yaml=FILE, or write": f"{_YOLO}::test_the_yaml_file_is_an_option",
    " dataset.unannotated=exclude": f"{_LAYOUTS}"
    "::test_images_without_a_label_and_files_apart_are_named",
    "dataset.label_kind=ids takes the indices": "data/readers/test_palettes.py"
    "::test_255_stays_ignored_and_ids_go_by_index",
    "or list the pairs in a CSV file": "data/readers/test_path_patterns.py"
    "::test_names_that_do_not_pair_are_counted_shown_and_the_remedy_works",
    "to leave faulty samples out: python -m": _SOUND_REST,
    "train on the sound rest": _SOUND_REST,
    "gives logits of any size here (output_kind=logits)": "deployment/test_loading.py"
    "::test_exports_of_other_weights_or_kinds_are_passed_over",
    "scores need logits: export it with output_kind=logits": "deployment/test_command.py"
    "::test_evaluate_gives_the_scores_of_the_checkpoint",
    "python -m seg.{} --config-dir": "sweeps/test_best_config.py"
    "::test_the_command_that_is_told_runs_the_winner_again",
    "may run code that lies in it": "deployment/conftest.py::pt2_engine",
    "for segmentation: encoder.weights=": "commands/test_pretrain.py"
    "::test_a_segmenter_starts_from_every_tensor_of_the_encoder",
    "train a segmenter from it: python -m seg.train": "commands/test_pretrain.py"
    "::test_a_segmenter_starts_from_every_tensor_of_the_encoder",
    "to train longer: resume=": _LONGER,
    "name what they may differ in: across=": "evaluation/test_evaluation.py"
    "::test_the_command_compares",
    "decoder.low_level_stride {}: this encoder": _DECODERS,
    "decoder.level_strides {}: this encoder": _DECODERS,
    "reads maps of strides 1, 2, 4": _DECODERS,
    "needs an encoder of output stride": _DECODERS,
    "cannot run at output_stride": _DECODERS,
    "skip_existing=false to write them again": "prediction/test_run.py"
    "::test_results_of_other_choices_are_not_mixed",
    "give each its shard=I num_shards=N": "prediction/test_run.py"
    "::test_shards_make_what_one_process_makes",
    "no report: %s (python -m": "reports/test_report_command.py::test_one_run_gets_its_page",
    "which this command line does not propose": _SWEEP_GOES_ON,
    "resume: the trials in {} choose": _SWEEP_GOES_ON,
    "one of its trials can become longer": "engine/test_resume_argument.py"
    "::test_one_trial_goes_on_alone",
    "to begin anew: leave resume=auto out": "engine/test_resume_argument.py"
    "::test_a_run_that_cannot_be_read_may_be_the_only_one",
    "ended at step %d; resume=": "engine/test_interruption.py::test_saves_and_goes_on",
    "make room, then go on with resume=": "engine/test_failures.py"
    "::test_a_full_disk_leaves_the_checkpoint_before",
    "is no network of smp; train with": "weight_tools/test_export_smp.py::test_ours_to_smp_to_ours",
    "at another output stride; train with": "weight_tools/test_export_smp.py"
    "::test_ours_to_smp_to_ours",
    "as it began: resume=RUN_DIR alone": "engine/test_other_choices.py"
    "::test_a_refusal_leaves_the_run_byte_for_byte",
    "was trained on it; give dataset.root=": "evaluation/test_missing_root.py"
    "::test_where_the_data_lies_now_is_typed",
    "see larger ones by inference.window=": _EXPORT,
    "export it again: python -m seg.export": _EXPORT,
    "(height x width)\n  {}export it with size=null": _EXPORT,
    "hydra.sweeper.{}={}; allowed:": _DRAWS,
    "callbacks.checkpoints.monitor={}: is not scored; allowed:": "sweeps/test_optuna_search.py"
    "::test_the_score_that_a_message_allows_is_typed",
    "counted at the start of a training alone": "build/test_image_statistics.py"
    "::test_stats_prints_the_line_to_type",
    "labels.thresholds: exclusive classes have none": _OUTPUTS,
    "labels.mode=binary: {} classes; two are needed": _OUTPUTS,
    "say which: labels.region_order=": _OUTPUTS,
    "labels of this dataset hold one class a pixel": "build/test_sigmoid_remedies.py"
    "::test_one_mask_file_a_class_gives_classes_that_overlap",
    "is none for labels.mode=": "build/test_sigmoid_remedies.py::test_a_loss_that_fits_is_offered",
    "learns from a softmax over classes": "build/test_sigmoid_remedies.py"
    "::test_what_learns_from_a_softmax_needs_exclusive_classes",
    "leave labels.mode and labels.regions out": "engine/test_sigmoid_outputs.py"
    "::test_classes_that_overlap_are_learnt_scored_and_evaluated",
    "formats={}: classes overlap": "engine/test_sigmoid_outputs.py"
    "::test_classes_that_overlap_are_learnt_scored_and_evaluated",
    "without checksum: damage": "models/test_weight_files.py::test_a_form_without_checksum_is_said",
}

_PACKAGE = "installs a package"
_GPU = "needs a GPU"
_BENCHMARK = "reads the record of a benchmark that takes minutes"
_DOWNLOAD = "downloads published files"
_SERVER = "needs a network that was trained on the data set of that server"
_HANGS = "needs a machine on which processes or storage fail"

NOT_HERE = {
    **serving_remedies.NOT_HERE,
    "input_kind=stored: takes no {} values": "TensorRT needs a GPU",
    "task=depthwise times the kernels of a card": _GPU,
    "task=memory runs a trained network": "takes minutes",
    "is missing; pip install it": _PACKAGE,
    "or choose another logger": _PACKAGE,
    "is for sweeps alone; add -m": "begins a sweep; tests/sweeps types -m with such values",
    "a sweep, one run each: add -m": "begins a sweep; tests/sweeps types -m with such values",
    "pip install 'seg-xception[hub]'": _PACKAGE,
    "no pixel of {} counts": "the labels are at fault, and the command shows them",
    "no batch within loader.timeout_s=": _HANGS,
    "one would wait in vain": "needs several processes",
    "pip install 'seg-xception[rasters]'": _PACKAGE,
    "pip install 'seg-xception[coco]'": _PACKAGE,
    "pip install 'seg-xception[shapes]'": _PACKAGE,
    "pip install 'seg-xception[polygons]'": _PACKAGE,
    "no access to {}:// ({})": _PACKAGE,
    "the processes that read could not be started": _HANGS,
    "take it out of the class file, ignore it": "stands in a report, beside the labels at fault",
    "its labels are label maps, not polygons": "offers another dataset, whose tests type its keys",
    "add them to dataset.classes (labels.ignore": "the labels are at fault, and it lists them",
    "sharded copies are written by litdata": _PACKAGE,
    "the network cannot be traced for any size": "needs a network that torch cannot trace",
    "precision=int8: no part of the network keeps": "needs a network that int8 spoils",
    "precision=int8: needs images": "cannot be reached by a command, which asks for one or more",
    "not installed here; pip install": _PACKAGE,
    "format=aoti: Inductor cannot compile": "needs a machine without a compiler",
    "an image of {}: the engine takes": _GPU,
    "training: missing; give the directory of": _BENCHMARK,
    "not of python -m seg.benchmark": _BENCHMARK,
    "no such file; python -m seg.benchmark": _BENCHMARK,
    "measure again: python -m seg.benchmark": _BENCHMARK,
    "variant={}: not in": _BENCHMARK,
    "table={}: not in": _BENCHMARK,
    "this fits: loader.batch_size=": "needs a machine with that much memory and no more",
    " and trainer.precision=bf16-mixed": _GPU,
    "could not be downloaded: {}": _DOWNLOAD,
    "ready: dataset=%s": _DOWNLOAD,
    "has no published weights; give a file": "needs a file of weights of that very network",
    "keep that place with the extra `rasters`": "needs a machine without the extra",
    "backend=ray: needs the extra": _PACKAGE,
    "formats=areas_parquet: needs pyarrow": _PACKAGE,
    "its server takes what was trained on dataset={}": _SERVER,
    "formats=zarr: needs the extra": _PACKAGE,
    "needs the extra `polygons`": _PACKAGE,
    "needs the extra `sweeps`": _PACKAGE,
    "train with trainer.devices=1, and report": _GPU,
    "try, in training: loss=bce_dice": "which of them helps depends on the run",
    "is no convolution of the image's own channels": "needs a library's encoder of another stem",
    "lower optimizer.lr, set": "which of them helps depends on the run",
    "Keras is not installed": _PACKAGE,
}

# What names a key, and offers nothing to type.
NO_OFFER = (
    *serving_remedies.NO_OFFER,
    "the same, pad_to_grid=False",
    "seg, optimize()",
    "align_corners={}",
    "loader.batch_size={}, crops of",
    "processes instead of %d",
    "neither may be negative",
    "too small for unpadded stem",
    "this encoder was built for output stride",
    "with more than max_pixels=",
    "pixels are too many for formats=",
    "regions below min_area_px=",
    "has characters that XML cannot hold",
    "its name is no UTF-8; rename it",
    "its files hold the path to their image, and output=",
    "runs: a sweep; export=",
    "of them; export={} takes one",
    "is a sweep of python -m",
    "beyond 0..255, which dataset.clip=false keeps",
    "resume=auto passes over",
    "It is recommended to use",
)
