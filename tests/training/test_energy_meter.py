"""Energy adds up, over the end of a counter, and is not told where nothing can be read."""

from time import sleep

import pytest

from seg.training.energy_meter import PowerMeter


def zone(folder, name, energy_uj, kind="package-0", most=1_000_000_000):
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    for file, value in (("energy_uj", energy_uj), ("max_energy_range_uj", most), ("name", kind)):
        (path / file).write_text(f"{value}\n")


def test_counters_are_added_up(tmp_path):
    zone(tmp_path, "intel-rapl:0", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", 0, kind="core")
    zone(tmp_path, "intel-rapl:0:1", 0, kind="dram")
    zone(tmp_path, "intel-rapl:1", 900_000_000)
    meter = PowerMeter(powercap=tmp_path, every_s=0.01)
    with meter:
        zone(tmp_path, "intel-rapl:0", 36_005_000_000, most=10**12)
        zone(tmp_path, "intel-rapl:0:0", 50_000_000, kind="core")  # a part of its package
        zone(tmp_path, "intel-rapl:0:1", 72_000_000, kind="dram")
        zone(tmp_path, "intel-rapl:1", 8_000_000)  # began anew
        sleep(0.1)
    assert meter.cpu_wh == pytest.approx((36_000 + 72 + 108) / 3600)
    assert meter.gpu_wh is None


def test_no_counters(tmp_path):
    with PowerMeter(powercap=tmp_path) as meter:
        pass
    assert meter.cpu_wh is None and meter.gpu_wh is None


def test_cards_are_asked_by_their_command(tmp_path, monkeypatch):
    """A command of that name stands for the driver's, and says 200 W for each of two cards."""
    command = tmp_path / "nvidia-smi"
    command.write_text('#!/bin/sh\n[ "$2" = GPU-a,GPU-b ] || exit 1\nprintf "200.0\\n200.0\\n"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with PowerMeter(["GPU-a", "GPU-b"], powercap=tmp_path, every_s=0.05) as meter:
        sleep(0.4)
    assert 400 * 0.4 / 3600 <= meter.gpu_wh <= 400 * 3 / 3600
    command.write_text("#!/bin/sh\nexit 9\n")
    with PowerMeter(["GPU-a", "GPU-b"], powercap=tmp_path) as silent:
        pass
    assert silent.gpu_wh is None
