"""Machine, code and events of a run."""

from typing import Any

from seg.reports.run_reader import Run, is_number


def sessions(run: Run) -> list[dict[str, Any]]:
    """Return machine, code and command of each start, as far as they are recorded."""
    starts = run.environment.get("sessions") or []
    return [
        {"command": each.get("command"), "facts": _facts(each), "git": _git(each)}
        for each in starts
        if isinstance(each, dict)
    ]


def history(run: Run) -> list[dict[str, Any]]:
    """Return the events of a run in order; older runs recorded only resumes."""
    events = run.environment.get("history") or [{"event": "resumed"} | each for each in run.resumes]
    keys = ("event", "time", "step")
    return [{key: each.get(key) for key in keys} for each in events if isinstance(each, dict)]


def _facts(session: dict[str, Any]) -> list[tuple[str, str]]:
    """Return machine and libraries of a start as name and text."""
    cores, memory = session.get("cores"), session.get("memory_gib")
    machine = [
        f"{cores} cores" if cores else "",
        f"{memory:g} GiB memory" if is_number(memory) else "",
    ]
    named = (
        ("processor", session.get("cpu")),
        ("machine", ", ".join(part for part in machine if part)),
        ("graphics cards", ", ".join(map(str, session.get("gpus") or []))),
        ("processes", session.get("processes") if session.get("processes") != 1 else None),
        ("system", session.get("system")),
        ("python", session.get("python")),
        ("seg", session.get("seg")),
        *(session.get("libraries") or {}).items(),
    )
    return [(str(name), str(text)) for name, text in named if text]


def _git(session: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the states of the code at a start."""
    keys = ("what", "commit", "branch", "dirty", "diff")
    states = [each for each in session.get("git") or [] if isinstance(each, dict)]
    return [{key: each.get(key) for key in keys} for each in states]
