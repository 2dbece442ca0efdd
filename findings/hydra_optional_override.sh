#!/usr/bin/env bash
# Believed: in a defaults list of Hydra, `optional override /group: option` overrides a group that is there and is passed over
#   where a configuration has no such group, as `optional` passes over an option whose file is missing.
# Seen (hydra-core 1.3.8): both orders of the two words are parsed, and `optional` has no effect: without the group,
#   "Could not override 'encoder'. No match in the defaults list." So a file that overrides other groups can only be chosen in
#   configurations that have all of these groups.
# Remedy: list the groups there as `group: null`; one file that all such configurations include is enough.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1
mkdir -p "$directory/conf/encoder" "$directory/conf/dataset"
echo "name: small" > "$directory/conf/encoder/small.yaml"
echo "name: large" > "$directory/conf/encoder/large.yaml"
printf 'defaults:\n- encoder: small\n- dataset: city\n- _self_\n' > "$directory/conf/train.yaml"
printf 'defaults:\n- dataset: city\n- _self_\n' > "$directory/conf/evaluate.yaml"
"$directory/venv/bin/python" - "$directory/conf" <<'PYTHON'
import sys
from pathlib import Path

import hydra
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException

conf = Path(sys.argv[1])
print("hydra", hydra.__version__)
seen = []
for words in ("optional override", "override optional"):
    line = f"- {words} /encoder@_global_.encoder: large"
    (conf / "dataset/city.yaml").write_text(f"defaults:\n- _self_\n{line}\nroot: x\n")
    for command in ("train", "evaluate"):
        try:
            with initialize_config_dir(str(conf), version_base="1.3"):
                found = compose(command).get("encoder", {}).get("name", "composed")
        except ConfigCompositionException as error:
            found = str(error).splitlines()[0]
        print(f"{words}: {command}: {found}")
        seen.append(found)
refused = all("Could not override 'encoder'" in each for each in seen[1::2])
sys.exit(0 if seen[::2] == ["large", "large"] and refused else "the behaviour has changed")
PYTHON
