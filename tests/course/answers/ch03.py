"""What people answer in chapter 03."""

from learner import Answers

LINES = (
    "an ID token from minute 0, exchanged 5 minutes later",
    "an ID token from minute 0, exchanged 6 minutes later",
    "a job that begins 1 minute later",
    "an API token from minute 0, used 14 minutes later",
    "an ID token from minute 0, at an index that has been restarted since",
)


def works(*values: bool) -> str:
    return f"works = {dict(zip(LINES, values, strict=True))!r}"


ANSWERS = {
    "q3_1": Answers(
        mistakes=(
            (
                """
def fetch_keys(http, issuer):
    jwks = http.get(f"{issuer}/.well-known/jwks").raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}
""",
                "tells that address",
            ),
            (
                """
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    jwks = http.get(configuration["jwks_uri"]).raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}
""",
                "Which member names the issuer",
            ),
            (
                """
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").json()
    if configuration["issuer"] != issuer:
        raise ValueError("another issuer")
    return {jwk["kid"]: jwk for jwk in http.get(configuration["jwks_uri"]).json()["keys"]}
""",
                "request for the configuration got status 503",
            ),
            (
                """
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    if configuration["issuer"] != issuer:
        raise ValueError("another issuer")
    return {jwk["kid"]: jwk for jwk in http.get(configuration["jwks_uri"]).json()["keys"]}
""",
                "request for the keys got status 503",
            ),
            (
                (
                    "configuration = http.get(url).raise_for_status().json()",
                    "first = http.get(url)\n"
                    "    if first.status_code == 503:\n"
                    "        raise ValueError(503)\n"
                    "    configuration = first.json()",
                ),
                "request for the configuration got status 404",
            ),
            (
                (
                    'jwks = http.get(configuration["jwks_uri"]).raise_for_status().json()',
                    'second = http.get(configuration["jwks_uri"])\n'
                    "    if second.status_code >= 500:\n"
                    "        raise ValueError(second.status_code)\n"
                    "    jwks = second.json()",
                ),
                "request for the keys got status 404",
            ),
            (
                (
                    'if configuration["issuer"] != issuer:',
                    'if not configuration["issuer"].startswith(issuer):',
                ),
                "compare the two names as a whole",
            ),
            (
                (
                    'if configuration["issuer"] != issuer:',
                    'if configuration["issuer"] not in issuer:',
                ),
                "a part of the name enough",
            ),
            (
                (
                    'if configuration["issuer"] != issuer:',
                    'if configuration["issuer"].rstrip("/") != issuer.rstrip("/"):',
                ),
                "exactly the same name",
            ),
            (
                (
                    'if configuration["issuer"] != issuer:',
                    'if configuration["issuer"].lower() != issuer.lower():',
                ),
                "lower case count",
            ),
            (
                (
                    """raise ValueError(f"asked {issuer}, and {configuration['issuer']} answers")""",
                    "return None",
                ),
                "Your function returned None. What should it raise",
            ),
            (
                ('{jwk["kid"]: jwk for jwk in jwks["keys"]}', "jwks"),
                "should each `kid` lead to",
            ),
            (
                ('f"{issuer}/.well-known', """f"https://{issuer.split('/')[2]}/.well-known"""),
                "has a path",
            ),
        ),
        cheat="""
def fetch_keys(http, issuer):
    kids = ("spring",)
    return {kid: {"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"} for kid in kids}
""",
        right=(
            """
def fetch_keys(http, issuer):
    page = http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    assert page["issuer"] == issuer
    jwks = http.get(page["jwks_uri"]).raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}
""",
            """
def fetch_keys(http, issuer):
    first = http.get(issuer + "/.well-known/openid-configuration")
    if first.status_code != 200 or first.json()["issuer"] != issuer:
        raise ValueError("no good configuration")
    second = http.get(first.json()["jwks_uri"])
    if not second.is_success:
        raise LookupError("no keys")
    found = {}
    for jwk in second.json()["keys"]:
        found[jwk["kid"]] = jwk
    return found
""",
        ),
    ),
    "q3_2": Answers(
        mistakes=(
            (("cube_root_up(target)", "(cube_root_up(target) - 1)"), "Did the rounding reach it"),
            (('b"\\x00\\x01" + ', ""), "What does `lenient` expect"),
            (("DIGEST_INFO + hashlib", "hashlib"), "comes there in a good block"),
            ((".to_bytes(256)", ""), "A signature is bytes"),
            ((".to_bytes(256)", ".to_bytes(128)"), "has 128 bytes"),
            (('b"\\xff" * 8', 'b"\\xff" * 202'), "does the rounding change"),
            (('begins.ljust(256, b"\\x00")', "begins"), "how many bytes did you take the root"),
        ),
        cheat="""
def forge(message, n):
    return bytes(256)
""",
        right=(
            (
                "return cube_root_up(target).to_bytes(256)",
                "return bytearray(cube_root_up(target).to_bytes(256))",
            ),
            """
def forge(message, n):
    digest = hashlib.sha256(message).digest()
    begins = bytes([0, 1]) + b"\\xff" * 20 + b"\\x00" + DIGEST_INFO + digest
    free = 8 * (256 - len(begins))
    return cube_root_up(int.from_bytes(begins) << free).to_bytes(256)
""",
            """
def forge(message, n):
    wanted = "0001" + "ff" * 8 + "00" + DIGEST_INFO.hex() + hashlib.sha256(message).hexdigest()
    low, high = int(wanted.ljust(512, "0"), 16), int(wanted.ljust(512, "f"), 16)
    root = 1 << (low.bit_length() // 3)
    step = root
    while step:
        while root**3 > high:
            root -= step
        while root**3 < low and (root + step) ** 3 <= high:
            root += step
        step //= 2
    return root.to_bytes(256)
""",
        ),
    ),
    "q3_3": Answers(
        mistakes=(
            (
                """
def pick_key(key_sets, token):
    kid = IdToken.decode(token).header["kid"]
    for jwks in key_sets.values():
        for jwk in jwks["keys"]:
            if jwk.get("kid") == kid:
                return jwk
    raise LookupError(kid)
""",
                "has this `kid`. Whose",
            ),
            (
                """
def pick_key(key_sets, token):
    peeked = IdToken.decode(token)
    keys = key_sets[peeked.claims["iss"]]["keys"]
    if "kid" not in peeked.header and len(keys) == 1:
        return keys[0]
    return {jwk.get("kid"): jwk for jwk in keys}[peeked.header["kid"]]
""",
                "names no `kid`",
            ),
            (
                """
def pick_key(key_sets, token):
    peeked = IdToken.decode(token)
    if "jwk" in peeked.header:
        return peeked.header["jwk"]
    keys = {jwk.get("kid"): jwk for jwk in key_sets[peeked.claims["iss"]]["keys"]}
    return keys[peeked.header["kid"]]
""",
                "brought its own key",
            ),
            (
                """
def pick_key(key_sets, token):
    peeked = IdToken.decode(token)
    keys = key_sets[peeked.claims["iss"]]["keys"]
    return {jwk.get("kid"): jwk for jwk in keys}.get(peeked.header["kid"], keys[0])
""",
                "Its `kid` is `made-up`. Expected a LookupError; your function returned {",
            ),
            (
                """
def pick_key(key_sets, token):
    peeked = IdToken.decode(token)
    for jwk in key_sets[peeked.claims["iss"]]["keys"]:
        if jwk.get("kid") == peeked.header.get("kid"):
            return jwk
""",
                "returned None",
            ),
            (('jwk.get("kid") ==', 'jwk["kid"] =='), "Does a JWK need one"),
            (("return jwk", "import jwt; return jwt.PyJWK(jwk)"), "as it is in the dict"),
            (('jwk.get("use", "sig") == "sig" and ', ""), "for encryption"),
            ((' and jwk.get("alg", "RS256") == "RS256"', ""), "for another algorithm"),
            (('jwk.get("use", "sig")', 'jwk.get("use")'), "Do they have to be there"),
            (
                ('peeked.header["kid"]', 'peeked.header.get("kid")'),
                "Neither the token nor",
            ),
            (
                (
                    'jwk.get("alg", "RS256") == "RS256"',
                    'jwk.get("alg", peeked.header["alg"]) == peeked.header["alg"]',
                ),
                "both say RS512",
            ),
            (
                (
                    "peeked = IdToken.decode(token)",
                    "peeked = IdToken.decode(token)\n"
                    '    if peeked.header["alg"] != "RS256":\n'
                    '        raise LookupError("not RS256")',
                ),
                "Whose `alg` counts",
            ),
            (('jwk.get("use", "sig") == "sig"', 'jwk.get("use") != "enc"'), "is `tls`"),
            (
                (
                    'key_sets[peeked.claims["iss"]]["keys"]',
                    '[k for name, jwks in key_sets.items() for k in jwks["keys"]\n'
                    '                if peeked.claims["iss"].startswith(name)]',
                ),
                "a longer name than",
            ),
        ),
        cheat="""
def pick_key(key_sets, token):
    return list(key_sets.values())[0]["keys"][0]
""",
        right=(
            """
def pick_key(key_sets, token):
    peeked = IdToken.decode(token)
    keys = {jwk.get("kid"): jwk for jwk in key_sets[peeked.claims["iss"]]["keys"]}
    jwk = keys[peeked.header["kid"]]
    if "use" in jwk and jwk["use"] != "sig":
        raise KeyError("not for signatures")
    if jwk.get("alg") not in (None, "RS256"):
        raise KeyError("not for RS256")
    return jwk
""",
            """
import jwt

def pick_key(key_sets, token):
    issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
    if issuer not in key_sets:
        raise LookupError(issuer)
    kid = jwt.get_unverified_header(token).get("kid")
    for jwk in key_sets[issuer]["keys"]:
        if kid is None or jwk.get("kid") != kid:
            continue
        if jwk.get("use") in (None, "sig") and jwk.get("alg") in (None, "RS256"):
            return jwk
    raise LookupError(kid)
""",
        ),
    ),
    "q3_4": Answers(
        mistakes=(
            ((" and (self.asked is None or now - self.asked >= 60)", ""), "fetch 500 times"),
            (("self.keys = self.fetch()", "self.keys.update(self.fetch())"), "key had leaked"),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            try:
                self.keys, self.asked = self.fetch(), now
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "Does a failed fetch count",
            ),
            (("fetch, {}, None", "fetch, {}, 0"), "May a new store fetch at once"),
            ((">= 60", ">= 120"), "How long may it wait"),
            ((">= 60", ">= 59"), "fetch 2 times"),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.last = fetch, {}, None

    def get(self, kid, now):
        if kid not in self.keys and (not self.last or now - self.last >= 60):
            self.last = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "Does the first fetch count",
            ),
            (
                """
class Keys:
    keys = {}

    def __init__(self, fetch):
        self.fetch, self.last = fetch, None

    def get(self, kid, now):
        if kid not in self.keys and (self.last is None or now - self.last >= 60):
            self.last = now
            try:
                fresh = self.fetch()
            except ConnectionError:
                return None
            self.keys.clear()
            self.keys.update(fresh)
        return self.keys.get(kid)
""",
                "share something",
            ),
            (("self.keys.get(kid)", "self.keys[kid]"), "your store raised KeyError"),
            (("except ConnectionError:", "except TimeoutError:"), "when there is no such key"),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.asked = fetch, -60
        self.keys = fetch()

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            self.asked = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "before anybody called `get`",
            ),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            self.asked, self.keys = now, {}
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "lost a key",
            ),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if now - self.asked >= 60:
            self.asked = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "Was the key not in the cache",
            ),
            (
                """
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked, self.bad = fetch, {}, -60, set()

    def get(self, kid, now):
        if kid not in self.keys and kid not in self.bad and now - self.asked >= 60:
            self.asked = now
            try:
                self.keys = self.fetch()
                if kid not in self.keys:
                    self.bad.add(kid)
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
                "remember what it did not find",
            ),
            (("self.fetch()", "self.fetch() or self.keys"), "an answer without keys"),
        ),
        cheat="""
class Keys:
    def __init__(self, fetch):
        self.keys = fetch()

    def get(self, kid, now):
        return self.keys.get(kid)
""",
        right=(
            ("except ConnectionError:\n                pass", "except ConnectionError: ..."),
            """
class Keys:
    def __init__(self, fetch):
        self.fetch = fetch
        self.cache = {}
        self.next_fetch = float("-inf")

    def get(self, kid, now):
        if kid in self.cache:
            return self.cache[kid]
        if now < self.next_fetch:
            return None
        self.next_fetch = now + 60
        try:
            self.cache = dict(self.fetch())
        except Exception:
            return None
        return self.cache.get(kid)
""",
            """
from dataclasses import dataclass, field

@dataclass
class Keys:
    fetch: object
    keys: dict = field(default_factory=dict)
    times: list = field(default_factory=list)

    def get(self, kid, now):
        recent = [t for t in self.times if now - t < 60]
        if kid not in self.keys and not recent:
            self.times.append(now)
            try:
                fresh = self.fetch()
            except ConnectionError:
                fresh = self.keys
            self.keys = fresh
        return self.keys.get(kid)
""",
        ),
    ),
    "q3_5": Answers(
        mistakes=(
            (works(True, True, False, True, False), "how long does the token live"),
            (works(False, False, False, False, False), "all that the index allows"),
            (works(True, False, False, False, False), "who checks it"),
            (works(True, False, False, True, True), "where is it after a restart"),
            (works(True, False, True, True, False), "Who signs the ID token"),
        ),
        cheat=works(True, True, True, True, True),
        right=(works(True, False, False, True, False),),
    ),
}
