"""What preflight says, and what it knows of clients and events, in two files of data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _data(name: str) -> Any:
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


MESSAGES: dict[str, dict[str, Any]] = _data("messages.json")
TABLES: dict[str, Any] = _data("tables.json")


def say(kind: str, name: str, /, **facts: object) -> str:
    """Return a sentence of messages.json with these facts in it."""
    return str(MESSAGES[kind][name]).format(**facts)


def first(kind: str, holds: Mapping[str, object], **facts: object) -> str:
    """Return the sentence of the first name that holds; "" if none does."""
    return next((say(kind, name, **facts) for name, applies in holds.items() if applies), "")
