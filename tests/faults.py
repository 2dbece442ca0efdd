"""Things that go wrong, in the process that calls them before its command starts."""

import errno
import importlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def kill_at_sync(number: str) -> None:
    """SIGKILL in the midst of the `number`th file that is being written, when half of it is out."""
    sync, calls = os.fsync, iter(range(1, 10_000))

    def fatal(descriptor: int) -> None:
        if next(calls) == int(number):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = fatal


def kill_before(name: str) -> None:
    """SIGKILL when that file would take its place."""
    _when_placed(name, lambda: os.kill(os.getpid(), signal.SIGKILL))


def kill_after_file(which: str) -> None:
    """`metrics.json:0.2`: SIGKILL so many seconds after that file has taken its place."""
    name, seconds = which.split(":")
    _when_placed(name, lambda: kill_after(seconds))


def no_room_for(name: str) -> None:
    """The disk is full when that file would take its place."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _when_placed(name, fail)


def _when_placed(name: str, happens: Callable[[], None]) -> None:
    replace = Path.replace

    def fatal(self, target):
        if Path(target).name == name:
            happens()
        return replace(self, target)

    Path.replace = fatal


def kill_after(seconds: str) -> None:
    """SIGKILL some time from now."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, float(seconds))


def full_disk(room: str) -> None:
    """No file can grow beyond `room` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), int(room)))


def signal_at(moment: str) -> None:
    """`SIGTERM:validation_step:2`: the signal when the task's method is called the second time."""
    _signal_at(moment, times=1)


def two_signals_at(moment: str) -> None:
    """The same, and at once another."""
    _signal_at(moment, times=2)


def two_signals_at_in_a_trial(moment: str) -> None:
    """The same in a process that belongs to a sweep: of its group, and as the sweep has ended."""
    os.environ["SEG_SWEEP_PROCESS"] = "another-machine 1 1"
    two_signals_at(moment)


def group_signal_at(moment: str) -> None:
    """The same to the process group, workers and all, by another process."""
    os.setpgid(0, 0)
    group = f"-{os.getpid()}"
    name = moment.partition(":")[0].removeprefix("SIG")
    _at(moment, lambda: subprocess.run(["kill", f"-{name}", "--", group], check=False))


def _signal_at(moment: str, *, times: int) -> None:
    number = getattr(signal, moment.partition(":")[0])
    _at(moment, lambda: [os.kill(os.getpid(), number) for _ in range(times)])


def _at(moment: str, happens: Callable[[], object]) -> None:
    _, method, number = moment.split(":")
    task = importlib.import_module("seg.training.segmentation_task").SegmentationTask
    original, calls = getattr(task, method), iter(range(1, 10_000))

    def signalled(self, *arguments):
        if next(calls) == int(number):
            happens()
        return original(self, *arguments)

    setattr(task, method, signalled)


def little_memory(mib: str) -> None:
    """Address space for so much more than is used now; what is freed is given back to it."""
    importlib.import_module("seg.app").disable_malloc_trim = lambda: None
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + int(mib) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def reader_dies(index: str) -> None:
    """Whoever reads that sample of the streets is killed, as by the kernel for want of memory."""
    _at_sample(int(index), lambda: os.kill(os.getpid(), signal.SIGKILL))


def reader_hangs(index: str) -> None:
    """Whoever reads that sample of the streets waits for long."""
    _at_sample(int(index), lambda: time.sleep(1000))


def _at_sample(index: int, happens: Callable[[], None]) -> None:
    streets = importlib.import_module("seg.data.datasets.streets").Streets
    original = streets.__getitem__

    def read(self, position):
        if position == index and self.split == "train":
            happens()
        return original(self, position)

    streets.__getitem__ = read


def labels_ignored(split: str) -> None:
    """No pixel of that split of the streets counts."""
    streets = importlib.import_module("seg.data.datasets.streets").Streets
    original = streets.__getitem__

    def read(self, position):
        sample = original(self, position)
        if self.split == split:
            sample.label.fill(self.labels.ignore_index)
        return sample

    streets.__getitem__ = read


def every_folder_a_device(_: str) -> None:
    """No file can be moved from one folder to another, as between file systems."""
    for module, name in ((os, "rename"), (os, "replace")):
        original = getattr(module, name)

        def move(source, target, *, original=original):
            if Path(source).resolve().parent != Path(target).resolve().parent:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
            original(source, target)

        setattr(module, name, move)


def published_at(archive: str) -> None:
    """`URL BYTES SHA256`: the publisher of Pascal VOC has moved, with another archive."""
    download = importlib.import_module("seg.dataset_tools.download")
    url, octets, sha256 = archive.split()
    known = download.DOWNLOADS["pascal_voc"]
    inner = known.archives[0].inner
    moved = download.Archive(url, int(octets), sha256, inner)
    download.DOWNLOADS["pascal_voc"] = download.Download((moved,), known.terms)
