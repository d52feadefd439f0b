"""What learners answer in chapter 01."""

from learner import Answers

ANSWERS = {
    "q1_1": Answers(
        mistakes=(
            (
                ("narrowed = api_tokens.attenuate(token, [1, [project]])", "narrowed = token"),
                "Which caveat names projects?",
            ),
            (("[0, now + seconds, now]", "[0, now, now + seconds]"), "In which order"),
            (("[0, now + seconds, now]", "[0, seconds, now]"), "`expires_at` is 600."),
            (
                ("[0, now + seconds, now]", "[0, now + seconds, now + seconds]"),
                "are the same moment",
            ),
            (
                (
                    "return api_tokens.attenuate(narrowed, [0, now + seconds, now])",
                    "return narrowed",
                ),
                "What makes it stop?",
            ),
            (("[1, [project]]", "[1, project]"), "are lists"),
            (("int(time.time())", "math.ceil(time.time())"), "A second later it did."),
            (
                """
def lend(token, project, seconds):
    return api_tokens.mint(api_tokens.token_id(99), [[1, [project]]])
""",
                "Narrow the token that you were given",
            ),
            (("now + seconds, now]", "now + seconds // 2, now]"), "stopped working before"),
            (
                "def lend(token, project, seconds):\n    return token",
                "returned the token unchanged",
            ),
        ),
        cheat="""
def lend(token, project, seconds):
    now = int(time.time())
    narrowed = api_tokens.attenuate(token, [1, ["octo-rocket"]])
    return api_tokens.attenuate(narrowed, [0, now + 600, now])
""",
        right=(
            """
def lend(token, project, seconds):
    caveats = [[0, int(time.time()) + seconds, 0], [1, [project]]]
    for caveat in caveats:
        token = api_tokens.attenuate(token, caveat)
    return token
""",
            """
import json
from datetime import UTC, datetime

def lend(token, project, seconds):
    macaroon = api_tokens.parse(token)
    begin = int(datetime.now(UTC).timestamp())
    macaroon.add_first_party_caveat(json.dumps([1, [project]]))
    macaroon.add_first_party_caveat(f"[0, {begin + seconds}, {begin}]")
    return "pypi-" + macaroon.serialize()
""",
        ),
    ),
    "q1_2": Answers(
        mistakes=(
            (
                """
def disguise(token):
    return base64.b64encode(token.encode()).decode()

def restore(text):
    return base64.b64decode(text).decode()
""",
                "the mask knows this form",
            ),
            (
                """
def disguise(token):
    return token.swapcase()

def restore(text):
    return text.lower()
""",
                "not all in the right case",
            ),
            (
                ('return text.replace(" ", "")', "return text"),
                "`restore` returned this text as it is.",
            ),
            (
                ('return token[:20] + " " + token[20:]', 'return token[:20] + " " + token[20:-1]'),
                "the first 148 are right",
            ),
            (
                ('return text.replace(" ", "")', "return None"),
                "Expected a token as text, but `restore` returned",
            ),
            (
                """
import helpers.index.api_tokens as tokens

mine = tokens.mint(tokens.token_id(99), [[tokens.USER, "alice"]])

def disguise(token):
    return token[::-1]

def restore(text):
    return mine
""",
                "not with the notebook's `token`",
            ),
            (
                """
def disguise(token):
    global kept
    kept = token
    return "hello"

def restore(text):
    return kept
""",
                "The log shows 'hello'.",
            ),
            (
                ('return token[:20] + " " + token[20:]', "return list(token)"),
                "Expected a text to print",
            ),
        ),
        cheat="""
def disguise(token):
    return token[:-2] + " " + token[-2:]

def restore(text):
    return text[:174] + text[175:]
""",
        right=(
            """
def disguise(token):
    return token[::-1]

def restore(text):
    return text[::-1]
""",
            """
def disguise(token):
    return token.encode().hex()

def restore(text):
    return bytes.fromhex(text).decode()
""",
            """
def disguise(token):
    return base64.encodebytes(token.encode()).decode()

def restore(text):
    return base64.decodebytes(text.encode()).decode()
""",
            """
def disguise(token):
    return " ".join(token)

def restore(text):
    return text.replace(" ", "")
""",
            """
def disguise(token):
    return "***".join(token)

def restore(text):
    return text.replace("***", "")
""",
            """
def disguise(token):
    return "\\n".join(str(ord(character)) for character in token)

def restore(text):
    return "".join(chr(int(line)) for line in text.splitlines())
""",
            """
import codecs

def disguise(token):
    return codecs.encode(token, "rot13")

def restore(text):
    return codecs.decode(text, "rot13")
""",
        ),
    ),
    "q1_3": Answers(
        mistakes=(
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"cHlwaS[A-Za-z0-9+/]+={0,2}", blob):
        found |= set(TOKEN.findall(base64.b64decode(run + b"=" * (-len(run) % 4))))
    return found
""",
                "found the token of alice, but not that of mallory and __token__",
            ),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        found |= {each for each in [base64.b64decode(run)[8:]] if TOKEN.fullmatch(each)}
    return found
""",
                "found the token of mallory, but not that of alice and __token__",
            ),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    if first := re.search(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        found |= set(TOKEN.findall(base64.b64decode(first[1])))
    return found
""",
                "Of two `Basic` headers with a token each, yours missed 1.",
            ),
            (
                """
def find_tokens(blob):
    found = {m[0] for m in map(TOKEN.search, blob.splitlines()) if m}
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        found |= set(TOKEN.findall(base64.b64decode(run)))
    return found
""",
                "Of three unhidden tokens",
            ),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        password = base64.b64decode(run).partition(b":")[2]
        if password.startswith(b"pypi-"):
            found.add(password)
    return found
""",
                "pypi-mirror",
            ),
            (
                """
def find_tokens(blob):
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", blob)
    kept = kept[: len(kept) // 4 * 4]
    return set(TOKEN.findall(blob)) | set(TOKEN.findall(base64.b64decode(kept)))
""",
                "Decode one such line by hand",
            ),
            (("set(TOKEN.findall(blob))", "set()"), "in plain sight"),
            (("([A-Za-z0-9+/=]+)", "([A-Za-z0-9]+=*)"), "whose base64 contains a `+`"),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+]+=*)", blob):
        found |= set(TOKEN.findall(base64.b64decode(run + b"=" * (-len(run) % 4))))
    return found
""",
                "whose base64 contains a `/`",
            ),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        user, password = base64.b64decode(run).split(b":")
        found |= set(TOKEN.findall(password))
    return found
""",
                "too many values to unpack",
            ),
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        found.add(base64.b64decode(run).split(b":", 1)[1])
    return found
""",
                "correct:horse",
            ),
            (("return found", "return list(found)"), "Expected a set of tokens"),
        ),
        cheat="""
def find_tokens(blob):
    return {blob.split(b"token: ")[1].split()[0]} if b"token: " in blob else set()
""",
        right=(
            """
def find_tokens(blob):
    found = set()
    for line in blob.splitlines():
        name, _, value = line.partition(b": ")
        if name == b"Authorization" and value.startswith(b"Basic "):
            user, _, password = base64.b64decode(value[6:]).partition(b":")
            line = password
        found.update(TOKEN.findall(line))
    return found
""",
            """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"[A-Za-z0-9+/]{100,}={0,2}", blob):
        found |= set(TOKEN.findall(base64.b64decode(run + b"=" * (-len(run) % 4))))
    return found
""",
            """
def find_tokens(blob):
    words = blob.split()
    for word in list(words):
        try:
            words.append(base64.b64decode(word, validate=True).split(b":", 1)[-1])
        except ValueError:
            pass
    return {word for word in words if TOKEN.fullmatch(word)}
""",
        ),
    ),
    "q1_4": Answers(
        mistakes=(
            (
                """
def still_alive(days, groups):
    return math.exp(-days / sum(share * mean for share, mean in groups))
""",
                "the average speed",
            ),
            (("math.exp(-days / mean)", "2 ** (-days / mean)"), "half are left"),
            (("math.exp(-days / mean)", "(1 - math.exp(-days / mean))"), "no longer work"),
            (("share * math.exp", "math.exp"), "as if all leaks were in it"),
            (
                """
def still_alive(days, groups):
    for share, mean in groups:
        return share * math.exp(-days / mean)
""",
                "the first group alone",
            ),
            (("return sum", "return 100 * sum"), "That is a percentage."),
            (("for share, mean in", "for mean, share in"), "which number is the share"),
            (
                (
                    "return sum(share * math.exp(-days / mean) for share, mean in groups)",
                    "return round(sum(share * math.exp(-days / mean) for share, mean in groups), 3)",
                ),
                "without rounding",
            ),
            (
                ("share * math.exp(-days / mean)", "share / (1 + days / mean)"),
                "left of each group?",
            ),
            (
                (
                    "return sum(share * math.exp(-days / mean) for share, mean in groups)",
                    "return str(1.0)",
                ),
                "Expected a number",
            ),
        ),
        cheat="def still_alive(days, groups):\n    return math.exp(-days / groups[0][1])",
        right=(
            """
import numpy as np

def still_alive(days, groups):
    shares, means = np.array(groups).T
    return shares @ np.exp(-days / means)
""",
            """
def still_alive(days, groups):
    left = 0
    for share, mean in groups:
        left += share / math.e ** (days / mean)
    return left
""",
        ),
    ),
    "q1_5": Answers(
        mistakes=(
            (
                ("mean * (1 - math.exp(-lifetime / mean))", "min(mean, lifetime)"),
                "noticed exactly after its group's mean",
            ),
            (
                "def mean_exposure(lifetime, groups):\n    return lifetime",
                "if nobody noticed a leak while the token works",
            ),
            (
                """
def mean_exposure(lifetime, groups):
    step = lifetime / 1000
    return sum(share * math.exp(-n * step / mean) * step for share, mean in groups for n in range(1000))
""",
                "take thinner ones",
            ),
            (("mean * (1 - math.exp(-lifetime / mean))", "mean"), "had expired"),
            (("sum(share * mean", "sum(mean"), "as if all leaks were in it"),
            (
                """
def mean_exposure(lifetime, groups):
    return sum(
        share * (mean - mean**2 / lifetime * (1 - math.exp(-lifetime / mean)))
        for share, mean in groups
    )
""",
                "replaced every `lifetime` days",
            ),
            (
                ("return sum(share * mean", "return sum(share"),
                "Which area under the curve is that?",
            ),
            (("return sum(", "return list("), "Expected a number"),
        ),
        cheat="def mean_exposure(lifetime, groups):\n    return lifetime * 0.999",
        right=(
            """
import numpy as np

def mean_exposure(lifetime, groups):
    days = np.linspace(0, lifetime, 100_001)
    alive = sum(share * np.exp(-days / mean) for share, mean in groups)
    return float(np.trapezoid(alive, days))
""",
            """
from course.ch01.leakage import Detection, Policy

def mean_exposure(lifetime, groups):
    shares, means = zip(*groups)
    return Policy("", lifetime=lifetime).exposure(Detection(shares, means))
""",
        ),
    ),
}
