"""The events in the lab, oldest first: one log for everybody, from which figures and tables are
made.

No entry contains a usable secret: whatever looks like an API token or a JWT is cut out before it is
stored, and so is whatever the log was told to hide.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from helpers import display

# Base64 decoders skip what they do not know, so a macaroon (which begins with "Ag", or "MD" in its
# older format) still works with other characters strewn in: of such a one nothing is kept.
_SECRETS = re.compile(
    r"pypi-[^A-Za-z0-9_-]*(?:A[^A-Za-z0-9_-]*g|M[^A-Za-z0-9_-]*D).*"
    r"|pypi-[A-Za-z0-9_=-]{16,}"
    r"|ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_=-]*"
    r"|(?i:\bbasic[\s:]+)[A-Za-z0-9+/_-]{6,}=*"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}=*")
_PREFIX_IN_BASE64 = re.compile("cHlwaS|B5cGkt|weXBpL")
"""The forms of `pypi-` inside base64, at each of the three offsets at which it can begin."""
_LONGEST, _LONGEST_CLIENT, _READ = 300, 40, 10_000


@dataclass(frozen=True, repr=False)
class Event:
    """One thing that happened: `actor` asked `service` for `action`; `ok` says whether it was
    granted, `detail` why not."""

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
        asked = f"{self.actor} → {self.service}  {self.action}{about}"
        return f"{self.time:%H:%M:%S}  {asked}  {outcome}{self.detail}"

    __repr__ = __str__


class EventLog(list[Event]):
    """The log: a list of events that several threads may add to. Displayed, it is a table."""

    def __init__(self, events: "EventLog | list[Event] | None" = None) -> None:
        super().__init__(events or [])
        self._lock = threading.Lock()
        self._hidden: tuple[str, ...] = ()

    def hide(self, secret: str) -> None:
        """Cut a secret that one cannot tell by its looks out of whatever is noted from now on."""
        self._hidden += (secret,)

    def add(self, service: str, action: str, actor: str, project: str | None = None,
            detail: str = "", *, ok: bool = True, client: str = "") -> None:  # fmt: skip
        """Note what happened now. Secrets and control characters in the texts are cut out."""
        texts = [redact(text, self._hidden) for text in (actor, project or "", detail, client)]
        actor, about, detail, client = texts
        asked = (service, action, actor, about or None, detail, ok, client[:_LONGEST_CLIENT])
        event = Event(datetime.now(UTC), *asked)
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

    def _repr_html_(self) -> str:
        head = ("time", "outcome", "who", "asked", "for", "project", "detail")
        tones = {True: None, False: display.VERMILLION}
        return display.table(head, [display.toned(_row(event), tones[event.ok]) for event in self])


def _row(event: Event) -> tuple[str, ...]:
    outcome = "done" if event.ok else "refused"
    about = (event.actor, event.service, event.action, event.project or "", event.detail)
    return f"{event.time:%H:%M:%S}", outcome, *about


def redact(text: str, hidden: Iterable[str] = ()) -> str:
    """The text without API tokens, JWTs, hidden secrets and control characters, cut to a length
    that fits a log."""
    shown = "".join(each if each.isprintable() else "�" for each in str(text)[:_READ])
    for secret in hidden:
        shown = shown.replace(secret, "[secret]")
    shown = _BASE64.sub(_without_token, _SECRETS.sub("[secret]", shown))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


def _without_token(stretch: re.Match[str]) -> str:
    return "[secret]" if _PREFIX_IN_BASE64.search(stretch[0]) else stretch[0]
