"""The one object a chapter starts with: a clock, four identity providers, an index, and the ways to
reach them."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import time_machine

from helpers.events import EventLog
from helpers.index.index import Index
from helpers.index.publishers import ISSUERS, GitHubPublisher
from helpers.index.web import make_app
from helpers.machine.runner import LAB_TIME, Runner
from helpers.machine.wire import HttpsServer, InProcess, WSGIApp, certificate
from helpers.oidc.key_store import KeyStore
from helpers.provider.issuer import Issuer, ProviderOffline
from helpers.provider.jobs import Job

if TYPE_CHECKING:
    from helpers.signing.certificates import SigningAuthority
    from helpers.signing.signature_log import SignatureLog
    from helpers.signing.trust import ClientCache

LAB_DAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""The day on which the chapters take place: a Monday, at nine."""
INDEX_DOMAIN, TEST_DOMAIN = "pypi.test", "test.pypi.test"
INDEX_URL, TEST_INDEX_URL = f"https://{INDEX_DOMAIN}", f"https://{TEST_DOMAIN}"
FULCIO_URL = "https://fulcio.test"
LOG_URL = "https://rekor.test"


class Clock:
    """The time that everything in this process believes, frozen at `at` until it is advanced. With
    `at=None`, the real one."""

    def __init__(self, at: datetime | None) -> None:
        self._travel = time_machine.travel(at, tick=False) if at else None
        self._frozen = self._travel.start() if self._travel else None

    @property
    def frozen(self) -> bool:
        """True if time stands still until it is advanced."""
        return self._frozen is not None

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def advance(self, **by: float) -> datetime:
        """Let time pass: `advance(minutes=16)`, also `days`, `hours` and `seconds`. Returns the new
        time. Raises RuntimeError for the real clock, which cannot be advanced."""
        if self._frozen is None:
            advice = "which cannot be advanced: make one with Lab(at=…)"
            raise RuntimeError(f"this lab runs on the real clock, {advice}")
        self._frozen.move_to(self.now() + timedelta(**by))
        return self.now()

    def close(self) -> None:
        """Return to the real time."""
        if self._travel is not None:
            self._travel.stop()
            self._travel = self._frozen = None


class Lab:
    """A lab with the chapters' cast in place: the project octo-rocket of alice, and its GitHub
    publisher.

        lab = Lab()
        id_token = lab.github.id_token(GitHubJob(), audience="pypi")
        answer = lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": id_token})
        answer.json()["token"]  # an API token, for 15 minutes
        lab.events  # who asked whom for what, and what came of it

    Time stands still at the lab's day, or at `at` (an aware datetime, or a text such as
    "2026-05-29 00:07" in UTC), until `clock.advance` moves it; `at=None` leaves the real clock
    running. A second Lab closes the first. Also a context manager: closing stops what was served
    and returns to the real time.
    """

    def __init__(self, at: datetime | str | None = LAB_DAY) -> None:
        at = _aware(at)
        close_open()
        self.events = EventLog()
        self._issuers: dict[str, Issuer] = {}
        self._live: list[Live] = []
        for provider, url in ISSUERS.items():
            self._issuers[url] = Issuer(url, provider, self.events)
        self.github, self.gitlab, self.google, self.activestate = self._issuers.values()
        self.index = Index(KeyStore(self.client(INDEX_DOMAIN)), self.events)
        names = {"domain": TEST_DOMAIN, "audience": "testpypi", "name": "test index"}
        self.test_index = Index(KeyStore(self.client(TEST_DOMAIN)), self.events, **names)
        for index in (self.index, self.test_index):
            index.trust = lambda: self.trust
        self.http = self.client("learner")
        self.clock = Clock(at)  # last, so that no failure before it leaves the time standing still
        self.index.add_project("octo-rocket", owner="alice")
        self.index.add_publisher("octo-rocket", PUBLISHER)
        _open.append(self)

    @cached_property
    def fulcio(self) -> "SigningAuthority":
        """The signing authority, made when it is first asked for."""
        from helpers.signing.certificates import SigningAuthority

        return SigningAuthority(KeyStore(self.client("fulcio.test")), self.events)

    @cached_property
    def log(self) -> "SignatureLog":
        """The signature log, made when it is first asked for."""
        from helpers.signing.signature_log import SignatureLog

        return SignatureLog(self.events)

    @property
    def trusted_root(self) -> dict[str, Any]:
        """The public keys of the lab's signing authority and log, in the form that verifiers
        read."""
        from helpers.signing.trust import trusted_root

        return trusted_root(self.fulcio, self.log, FULCIO_URL)

    @cached_property
    def trust(self) -> "ClientCache":
        """A context in which Sigstore's client, working offline, believes the lab's services."""
        from helpers.signing.trust import ClientCache

        return ClientCache(self.trusted_root)

    @cached_property
    def index_app(self) -> WSGIApp:
        """The index's web application, made on first use."""
        return make_app(self.index)

    @cached_property
    def test_index_app(self) -> WSGIApp:
        """The web application of the lab's TestPyPI, made on first use."""
        return make_app(self.test_index)

    def client(self, name: str) -> httpx.Client:
        """An httpx client that reaches this lab and nothing else, whatever the environment says of
        proxies. The event log knows it by its `name`."""
        wire, headers = InProcess(self._reach), {"User-Agent": name}
        return httpx.Client(transport=wire, trust_env=False, headers=headers)

    def _reach(self, host: str) -> WSGIApp | None:
        match host:
            case "pypi.test":
                return self.index_app
            case "test.pypi.test":
                return self.test_index_app
            case "fulcio.test":
                return self.fulcio.app
            case "rekor.test":
                return self.log.app
        for issuer in self._issuers.values():
            if urlsplit(issuer.url).hostname == host:
                if not issuer.online:
                    reason = "it was switched off with .online = False"
                    raise ProviderOffline(f"{issuer.url} does not answer: {reason}")
                return issuer.app
        return None

    def add_issuer(self, url: str, *, trusted: bool = True) -> Issuer:
        """Add a self-managed GitLab at `url`, which the lab's indexes trust unless told not to.

        Raises ValueError for a host that the lab has, and for a URL with a port or a slash at its
        end.
        """
        hosts = {INDEX_DOMAIN, TEST_DOMAIN, *(urlsplit(each).hostname for each in self._issuers)}
        is_url = re.fullmatch(r"https://[a-z0-9.-]+(/[^/?#]+)*", url)
        if not is_url or urlsplit(url).hostname in hosts:
            expected = "expected the https:// URL of a host that the lab does not have yet"
            raise ValueError(f"{expected}, got {url!r}")
        issuer = self._issuers[url] = Issuer(url, "gitlab", self.events, keys="self-managed")
        for index in (self.index, self.test_index) if trusted else ():
            index.add_issuer(url, "gitlab")
        return issuer

    def issuer_of(self, job: Job) -> Issuer:
        """The identity provider that speaks for a job. Raises LookupError for a self-managed one
        that was not added."""
        url = getattr(job, "issuer", ISSUERS[job.provider])
        if url not in self._issuers:
            advice = f"lab.add_issuer({url!r}) adds it"
            raise LookupError(f"expected an issuer of this lab, got {url!r}: {advice}")
        return self._issuers[url]

    def serve(self, port: int = 0) -> "Live":
        """The same index and providers behind HTTPS on 127.0.0.1, for clients that insist on a
        socket and a certificate.

        Use it in a `with` block, or keep it over several cells and close it: closing the lab does
        that too.
        """
        live = Live(self, port)
        self._live.append(live)
        return live

    def close(self) -> None:
        """Stop the servers and return to the real time. Closing twice does no harm."""
        while self._live:
            self._live.pop().close()
        if "trust" in vars(self):
            self.trust.close()
        self.http.close()
        self.clock.close()
        if self in _open:
            _open.remove(self)

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


PUBLISHER = GitHubPublisher(
    owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml", environment="pypi"
)
"""The trusted publisher of octo-rocket."""

_open: list[Lab] = []


def close_open() -> None:
    """Close whichever lab is open."""
    while _open:
        _open.pop().close()


@contextmanager
def set_aside() -> Iterator[None]:
    """Leave the open lab alone for a while: a lab made inside the block does not close it, and is
    closed when the block ends. Time goes on where it stood."""
    aside = _open[:]
    _open.clear()
    try:
        yield
    finally:
        close_open()
        _open.extend(aside)


class Live:
    """The lab behind HTTPS: the index at `url`, the lab's TestPyPI at `test_url`, the providers
    below `url`/github, /gitlab and so on. `ca_file` is the certificate authority that clients are
    to trust, `tls_context` serves with a certificate of it, for 127.0.0.1."""

    def __init__(self, lab: Lab, port: int = 0) -> None:
        self._lab = lab
        self.tls_context, authority = certificate()
        self._servers = [HttpsServer(self._dispatch, self.tls_context, port)]
        self._servers.append(HttpsServer(self._dispatch_test, self.tls_context))
        self._folder = tempfile.TemporaryDirectory(prefix="lab-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        self.ca_file.write_bytes(authority)
        self.url, self.test_url = (f"https://127.0.0.1:{each.port}" for each in self._servers)
        self._runners: list[Runner] = []

    def _dispatch(self, environ: dict[str, Any], start_response: Any) -> Any:
        for issuer in list(self._lab._issuers.values()):
            mount = f"/{self._mount(issuer)}"
            if environ["PATH_INFO"].startswith(mount + "/"):
                path = urlsplit(issuer.url).path + environ["PATH_INFO"].removeprefix(mount)
                return issuer.app({**environ, "PATH_INFO": path}, start_response)
        if environ["PATH_INFO"].startswith("/api/v2/"):
            return self._lab.fulcio.app(environ, start_response)
        if environ["PATH_INFO"].startswith("/rekor/"):
            path = environ["PATH_INFO"].removeprefix("/rekor")
            return self._lab.log.app({**environ, "PATH_INFO": path}, start_response)
        return self._lab.index_app(environ, start_response)

    def _dispatch_test(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._lab.test_index_app(environ, start_response)

    def _mount(self, issuer: Issuer) -> str:
        if issuer.url == ISSUERS[issuer.provider]:
            return issuer.provider
        return str(urlsplit(issuer.url).hostname)

    def job_environment(self, job: Job, *, approved_by: str = "") -> dict[str, str]:
        """Start a job: the variables that its provider puts into its environment, with URLs that
        work on this machine. See `Issuer.job_environment`."""
        issuer = self._lab.issuer_of(job)
        url = f"{self.url}/{self._mount(issuer)}"
        return issuer.job_environment(job, url, approved_by=approved_by)

    @cached_property
    def trust_config(self) -> Path:
        """A file that tells Sigstore's clients where the lab's signing services are, and whose
        keys to trust: `sigstore --trust-config FILE`."""
        from helpers.signing.trust import client_trust_config

        path = Path(self._folder.name) / "trust_config.json"
        config = client_trust_config(self._lab.trusted_root, self.url)
        path.write_text(json.dumps(config), "utf-8")
        return path

    def signing_environment(self) -> dict[str, str]:
        """The variables with which a job's Python programs sign and verify at the lab's services,
        and at the lab's time."""
        time = {"PYTHONPATH": str(LAB_TIME), "LAB_TIME": self._lab.clock.now().isoformat()}
        trust = {"TRUST_CONFIG": str(self.trust_config), **self._lab.trust.variables}
        return trust | (time if self._lab.clock.frozen else {})

    def runner(
        self,
        job: Job,
        *,
        folder: Path | None = None,
        secrets: Mapping[str, str] | None = None,
        path: tuple[Path, ...] = (),
        home: Path | None = None,
        approved_by: str = "",
    ) -> Runner:
        """Start a job on a machine of its own. Closing the runner ends the job.

        Args:
            job: The job. It decides what is in the environment.
            folder: The folder in which commands run; a fresh one if not given.
            secrets: Variables whose values are masked in the log.
            path: Folders that are searched for programs first.
            home: The home folder of a self-hosted machine. The next job finds what this one leaves.
            approved_by: The reviewer or administrator who has approved the job.

        Raises NotStarted if the rules of the job's environment are not satisfied, and ValueError
        for a `home` although the job runs on a hosted machine, which is new for each job.
        """
        if home and job.claims().get("runner_environment") != "self-hosted":
            expected = "expected a job with runner_environment='self-hosted'"
            raise ValueError(f"{expected} for a machine that is used again")
        variables = self.job_environment(job, approved_by=approved_by)
        issuer = self._lab.issuer_of(job)
        runner = Runner(variables, self.url, self.ca_file, folder, secrets, path, home=home,
                        at_end=lambda: issuer.end_job(variables))  # fmt: skip
        self._runners.append(runner)
        return runner

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the jobs, stop the servers and remove what they needed on disk. Closing twice does no
        harm."""
        while self._runners:
            self._runners.pop().close()
        while self._servers:
            self._servers.pop().close()
        self._folder.cleanup()


def _aware(at: datetime | str | None) -> datetime | None:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
