"""What happened in the lab, oldest first: one log for everybody, from which figures and tables are made.

No entry contains a usable secret: whatever looks like an API token or a JWT is cut out before it is stored.
"""

import re
import threading
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

_SECRETS = re.compile(r"pypi-[A-Za-z0-9_=-]{16,}|ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_=-]*")
_LONGEST = 300


@dataclass(frozen=True)
class Event:
    """One thing that happened: `actor` asked `service` for `action`; `ok` says whether it was granted, `detail` why not."""

    time: datetime
    service: str
    action: str
    actor: str
    project: str | None
    detail: str
    ok: bool = True
    client: str = ""

    def __str__(self) -> str:
        """One line: when, who asked whom for what, and what came of it."""
        about = f" [{self.project}]" if self.project else ""
        outcome = "" if self.ok else "refused: "
        return f"{self.time:%H:%M:%S}  {self.actor} → {self.service}  {self.action}{about}  {outcome}{self.detail}"


class EventLog(list[Event]):
    """The log: a list of events that several threads may add to. Printed, it is a table of lines."""

    def __init__(self, events: "EventLog | list[Event] | None" = None) -> None:
        super().__init__(events or [])
        self._lock = threading.Lock()

    def add(self, service: str, action: str, actor: str, project: str | None = None, detail: str = "", *,
            ok: bool = True, client: str = "") -> None:  # fmt: skip
        """Note what happened now. Secrets and control characters in the texts are cut out."""
        texts = [redact(text) for text in (actor, detail, client)]
        event = Event(datetime.now(timezone.utc), service, action, texts[0], project and redact(project), texts[1], ok, texts[2])
        with self._lock:
            self.append(event)

    def __getitem__(self, which: Any) -> Any:
        """One event; or, for a slice such as `[before:]`, those events as a log."""
        found = super().__getitem__(which)
        return EventLog(found) if isinstance(which, slice) else found

    def of(self, service: str) -> "EventLog":
        """The events at one service, as they stand now."""
        return EventLog([event for event in self if event.service == service])

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "(nothing happened yet)"


def redact(text: str) -> str:
    """The text without API tokens, JWTs and control characters, cut to a length that fits a log."""
    printable = "".join(character if character.isprintable() else "�" for character in str(text))
    shown = _SECRETS.sub("[secret]", printable)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
