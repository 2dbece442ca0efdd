"""Numbers and times formatted for people."""

from datetime import UTC, datetime
from typing import Any

NONE = "\u2013"


def percent(share: float | None, digits: int = 1) -> str:
    """Format 0.612 as `61.2`, in hundredths, without the unit."""
    return NONE if share is None else f"{100 * share:.{digits}f}"


def percent_range(bounds: tuple[float, float] | None) -> str:
    """Format (0.58, 0.63) as `58.0 to 63.0` with a dash for the `to`."""
    return "" if bounds is None else f"{percent(bounds[0])}\u2009{NONE}\u2009{percent(bounds[1])}"


def significant(value: float | None, digits: int = 3) -> str:
    """Format a number with a few significant digits: `0.0312`, `12.3`, `1,230`."""
    if value is None:
        return NONE
    if value and abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def whole(value: float | None) -> str:
    """Format a count, with commas between thousands."""
    return NONE if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """Format seconds: `12 s`, `7 min 11 s`, `3 h 05 min`, `2 d 04 h`."""
    if seconds is None:
        return NONE
    total = round(seconds)
    if total < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    if total < 172_800:
        return f"{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{total // 86_400} d {total % 86_400 // 3600:02d} h"


def shorten(text: str, most: int) -> str:
    """Cut a text to `most` characters, the last one an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def moment(text: Any) -> str:
    """Format an ISO time as `2026-01-31 12:00 UTC`; other texts stay as they are."""
    parsed = parse_time(text)
    return str(text) if parsed is None else parsed.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def capitalize_first(text: str) -> str:
    """Capitalize a sentence's first letter; jinja's own filter lowers the others."""
    return text[:1].upper() + text[1:]


def parse_time(text: Any) -> datetime | None:
    """Parse an ISO time with its zone; None if it is none."""
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
