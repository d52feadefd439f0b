"""Known mistakes, cheats and other right answers for the exercises of chapter 04."""

from learner import Answers


def verdicts(*codes: str) -> str:
    """The answer to exercise 4.2 with these codes."""
    from course.ch04.exercises import REFUSALS

    return f"verdicts = {dict(zip(REFUSALS, codes, strict=True))}"


PAYLOAD, OFF, TOKEN, PUBLISHER, REUSE, ACCEPTED = (
    "invalid-payload", "not-enabled", "invalid-token", "invalid-publisher", "invalid-reuse-token", "accepted",
)  # fmt: skip
EXPIRIES = "[rest for tag, *rest in api_tokens.caveats(api_token) if tag == api_tokens.EXPIRATION]"
STORE = """
import threading

class UsedTokens:
    def __init__(self):
        self.seen = set()
        self.lock = threading.Lock()

    def claim(self, jti):
"""
MINT = """
def publish(http, id_token, files):
    answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
    if not answer.get("success"):
        raise RuntimeError(f"no API token: {answer['errors']}")
    api_token, published = answer["token"], []
    def burn():
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": api_token})
"""
CHAPTER = """
from helpers.lab import Lab

lab = Lab()

def mint(id_token):
    return lab.http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()

def burn(api_token):
    return lab.http.post(f"{INDEX}/_/oidc/burn-token", json={"token": api_token})
"""

ANSWERS = {
    "q4_1": Answers(
        mistakes=(
            (f"""
def seconds_left(api_token, now):
    expiries = {EXPIRIES}
    return max(0, expiries[0][0] - now) if expiries else None
""", "has narrowed it"),
            ("""
def seconds_left(api_token, now):
    expiry = dict((tag, rest) for tag, *rest in api_tokens.caveats(api_token)).get(0)
    return max(0, expiry[0] - now) if expiry else None
""", "added a later end"),
            (("max(0, end - now) if now >= start else 0", "max(0, end - now)"), "does not accept it yet"),
            (("max(0, end - now)", "end - now"), "expired a while ago"),
            (("max(0, end - now)", "max(0, end - now + 1)"), "How many are left? Your function returned 701"),
            (("now >= start", "now > start"), "in this very second"),
            (("return None", "return 0"), "A stored API token"),
            (("    return max", "    return f'{end - now}' if end else max"), "Return a number of seconds"),
            (("max(not_before for expires_at, not_before in expiries)", "min(expiries)[1]"), "Which of their eight numbers"),
            ("""
def seconds_left(api_token, now):
    print(min(expires_at for _, expires_at, _ in api_tokens.caveats(api_token)[-1:]) - now)
""", "means that the token never expires"),
        ),
        cheat="""
def seconds_left(api_token, now):
    return 900
""",
        right=(f"""
def seconds_left(api_token, now):
    left = None
    for expires_at, not_before in {EXPIRIES}:
        here = expires_at - now if not_before <= now < expires_at else 0
        left = here if left is None else min(left, here)
    return left
""",),
    ),
    "q4_2": Answers(
        mistakes=(
            (verdicts(PAYLOAD, OFF, REUSE, PUBLISHER, ACCEPTED), "It has two faults"),
            (verdicts(PAYLOAD, OFF, TOKEN, REUSE, ACCEPTED), "What comes before that"),
            (verdicts(PAYLOAD, TOKEN, TOKEN, PUBLISHER, ACCEPTED), "if its provider is switched off"),
            (verdicts(PAYLOAD, OFF, TOKEN, PUBLISHER, REUSE), "spend the token"),
            (verdicts("malformed JWT", OFF, TOKEN, PUBLISHER, ACCEPTED), "you wrote 'malformed JWT'"),
        ),
        cheat=verdicts(*[PAYLOAD] * 5),
    ),
    "q4_3": Answers(
        mistakes=(
            (("expires_at + 15", "expires_at + 3"), "3 seconds after its `exp`"),
            (("expires_at + 15", "expires_at + 45"), "45 seconds after its `exp`"),
            ("""
def twice(mint, clock, id_token):
    first = mint(id_token)
    clock.advance(seconds=315)
    return [first["token"], mint(id_token)["token"]]
""", "115 seconds after its `exp`"),
            ("""
def twice(mint, clock, id_token):
    return [mint(id_token)["token"]] * 2
""", "exchanged the ID token once"),
            ("""
def twice(mint, clock, id_token):
    from helpers.lab import _open
    from helpers.provider.jobs import GitHubJob
    fresh = [_open[-1].github.id_token(GitHubJob()) for _ in range(2)]
    return [mint(each)["token"] for each in fresh]
""", "showed another ID token"),
            (("return [first", "return [second"), "Your function returned ['pypi"),
            (('[first["token"], second["token"]]', "[first, second]"), "the index's whole answers"),
            (('[first["token"], second["token"]]', 'first["token"]'), "Your function returned 'pypi"),
        ),
        cheat="""
def twice(mint, clock, id_token):
    return ["pypi-one", "pypi-two"]
""",
        right=("""
def twice(mint, clock, id_token):
    tokens = [mint(id_token)["token"]]
    end = IdToken.decode(id_token).claims["exp"]
    while clock.now().timestamp() < end + 20:
        clock.advance(seconds=1)
    tokens.append(mint(id_token)["token"])
    return tokens
""", """
def twice(mint, clock, id_token):
    tokens = []
    while len(tokens) < 2:  # try again and again: a refusal uses up nothing
        answer = mint(id_token)
        if answer.get("success"):
            tokens.append(answer["token"])
        clock.advance(seconds=7)
    return tokens
""", """
from datetime import UTC, datetime

def twice(mint, clock, id_token):
    end = datetime.fromtimestamp(IdToken.decode(id_token).claims["exp"], UTC)
    first = mint(id_token)["token"]
    clock.advance(seconds=(end - clock.now()).total_seconds() + 29)
    return [first, mint(id_token)["token"]]
""", """
def twice(mint, clock, id_token):  # the old index forgets a late exchange at once
    end = IdToken.decode(id_token).claims["exp"]
    clock.advance(seconds=end + 10 - clock.now().timestamp())
    return [mint(id_token)["token"], mint(id_token)["token"]]
""", ('[first["token"], second["token"]]', '[second["token"], first["token"]]')),
    ),
    "q4_4": Answers(
        mistakes=(
            (f"""{STORE}
        if jti in self.seen:
            return False
        self.seen.add(jti)
        return True
""".replace("        self.lock = threading.Lock()\n", ""), "meanwhile, and both got True. Between which two"),
            (("with self.lock", "with threading.Lock()"), "meanwhile, and both got True. A lock"),
            (f"""{STORE}
        if jti in self.seen:
            return False
        with self.lock:
            self.seen.add(jti)
        return True
""", "without a gap"),
            (f"""{STORE}
        self.lock.acquire()
        if jti in self.seen:
            return False
        self.seen.add(jti)
        self.lock.release()
        return True
""", "never came back"),
            ("""
import threading

class UsedTokens:
    seen = set()
    lock = threading.Lock()

    def claim(self, jti):
        with self.lock:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
""", "or the class's"),
            (f"""{STORE}
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
        finally:
            self.lock.release()
""", "paused inside `claim`, and another came with a different"),
            (f"""{STORE}
        if not self.lock.acquire(timeout=0.05):
            return False
        try:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
        finally:
            self.lock.release()
""", "for a second"),
            (f"""{STORE}
        got = self.lock.acquire(timeout=0.05)
        try:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
        finally:
            if got:
                self.lock.release()
""", "when its time is up"),
            ("""
class UsedTokens:
    def __init__(self):
        self.seen, self.busy = set(), False

    def claim(self, jti):
        while self.busy:
            pass
        self.busy = True
        first = jti not in self.seen
        self.seen.add(jti)
        self.busy = False
        return first
""", "were paused inside `claim`, and both got True. Between"),
            ("""
class UsedTokens:
    def __init__(self):
        self.seen, self.locks = set(), {}

    def claim(self, jti):
        if jti not in self.locks:
            self.locks[jti] = threading.Lock()
        with self.locks[jti]:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
""", "were paused inside `claim`, and both got True. A lock"),
            (("self.seen.add(jti)", "self.seen = {*sorted(self.seen)[-5:], jti}"), "How much does it still know"),
            (("        with self.lock", "        jti = jti[:8]\n        with self.lock"), "the whole `jti`"),
        ),
        cheat=f"""{STORE}
        return not self.seen and not self.seen.add(jti)
""",
        right=("""
class UsedTokens:
    def __init__(self):
        self.first = {}

    def claim(self, jti):
        mine = object()
        return self.first.setdefault(jti, mine) is mine
""", f"""{STORE}
        with self.lock:
            before = len(self.seen)
            self.seen.add(jti)
            return len(self.seen) > before
""", """
from collections import defaultdict

class UsedTokens:
    def __init__(self):
        self.locks = defaultdict(threading.Lock)

    def claim(self, jti):  # a lock for each `jti`, which is never released
        return self.locks.setdefault(jti, threading.Lock()).acquire(blocking=False)
"""),
    ),
    "q4_5": Answers(
        mistakes=(
            (f"""{MINT}
    for filename, content in files.items():
        response = upload(http, api_token, filename, content)
        if response.status_code != 200:
            raise RuntimeError(f"{{filename}}: {{response.reason_phrase}}")
    burn()
    return list(files)
""", "The index refused a file"),
            (f"""{MINT}
    print(answer)
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
    finally:
        burn()
    return list(files)
""", "into the build log"),
            (f"""{MINT}
    for filename, content in files.items():
        response = upload(http, api_token, filename, content)
        if response.status_code != 200:
            burn()
            raise RuntimeError(f"{{filename}}: {{response.reason_phrase}}")
    burn()
    return list(files)
""", "broke during an upload, and the API token"),
            (f"""{MINT}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content)
    finally:
        burn()
    return list(files)
""", "What does the index's answer say"),
            (("    if not answer.get(\"success\"):\n        raise RuntimeError(f\"no API token: {answer['errors']}\")\n", ""),
             "raised while a KeyError was under way"),
            (("{filename}: {response.reason_phrase}", "{filename} with {answer}"), "The error contains a token"),
            ("""
def publish(http, id_token, files):
    for filename, content in files.items():
        answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
        upload(http, answer["token"], filename, content).raise_for_status()
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": answer["token"]})
    return list(files)
""", "How often can you exchange"),
            (("return list(files)", "return len(files)"), "Which names should it return"),
            (('answer["token"], filename, content', 'answer["token"], filename'), "the index got b'octo"),
            (('answer["token"], filename, content', 'answer["token"], filename, b"x"'), "the index got b'x'"),
            (f"""{CHAPTER}
def publish(http, id_token, files):
    answer = mint(id_token)
    try:
        for filename, content in files.items():
            response = upload(http, answer["token"], filename, content)
            if response.status_code != 200:
                raise RuntimeError(response.reason_phrase)
    finally:
        burn(answer["token"])
    return list(files)
""", "was not asked for an exchange"),
            (f"""{CHAPTER}{MINT.partition("    def burn")[0]}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
    finally:
        burn(api_token)
    return list(files)
""", "The chapter's `burn` uses"),
            (("f\"no API token: {answer['errors']}\"", 'answer["message"]'), "RuntimeError: Token request failed"),
            (f"""{MINT}
    for filename, content in files.items():
        try:
            response = upload(http, api_token, filename, content)
        except Exception:
            continue
        if response.status_code != 200:
            burn()
            raise RuntimeError(response.reason_phrase)
        published.append(filename)
    burn()
    return published
""", "any…2-py3-none-any.whl'] to the caller"),
            (f"""{MINT}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
    except Exception:
        burn()
        raise
    burn()
    return list(files)
""", "The job was canceled"),
            (f"""{MINT}
    names = list(files)
    upload(http, api_token, names[0], files[names[0]]).raise_for_status()
    try:
        for filename in names[1:]:
            upload(http, api_token, filename, files[filename]).raise_for_status()
    finally:
        burn()
    return names
""", "during the first upload"),
            (f"""{MINT}
    for number, (filename, content) in enumerate(files.items(), 1):
        try:
            upload(http, api_token, filename, content).raise_for_status()
        except BaseException:
            burn()
            raise
        if number == len(files):
            burn()
    return list(files)
""", "no file to upload"),
            (f"""{MINT}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
    except Exception as error:
        error.add_note(f"The token was {{api_token}}.")
        raise
    finally:
        burn()
    return list(files)
""", "A note on the error"),
            (f"""{MINT}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
            published.append(filename)
    finally:
        burn()
        return published
""", "2.0-py3-none-any.whl'] to the caller"),
            ("""
def publish(http, id_token, files):
    try:
        answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
        if not answer.get("success"):
            raise RuntimeError(f"no API token: {answer['errors']}")
        for filename, content in files.items():
            upload(http, answer["token"], filename, content).raise_for_status()
    finally:
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": answer["token"]})
    return list(files)
""", "raised while a RuntimeError was under way"),
        ),
        cheat="""
def publish(http, id_token, files):
    return list(files)
""",
        right=(f"""{MINT}
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
            published.append(filename)
    finally:
        burn()
    return published
""", f"""{MINT}
    problem = ""
    for filename, content in files.items():
        try:
            response = upload(http, api_token, filename, content)
            if not response.is_success:
                problem = response.reason_phrase
        except (Exception, KeyboardInterrupt) as error:
            problem = str(error) or "interrupted"
        if problem:
            break
        published.append(filename)
    burn()
    if problem:
        raise ValueError(problem)
    return published
""", ("    if not answer", "    print('a pypi- token:', str(answer.get('token'))[:8])\n    if not answer"),
            ("raise RuntimeError(f\"no API token: {answer['errors']}\")", "raise SystemExit(answer['errors'][0]['code'])"),
            ("raise RuntimeError(f\"no API token: {answer['errors']}\")",
             "raise ExceptionGroup('refused', [ValueError(answer['errors'][0]['code'])])"),
            ("return list(files)", "return sorted(files, reverse=True)")),
    ),
}  # fmt: skip
