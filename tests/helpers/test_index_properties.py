"""Whatever anybody sends: the index and the providers answer, and never with a 500."""

import json
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import INDEX, JOBS, claims, exchange, form, mint, upload, wheel

from helpers.index import api_tokens
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob, GitLabJob

pytestmark = pytest.mark.proof  # thousands of requests

NASTY_BODIES = [
    b"", b"\0", b"[" * 100_000, b'{"token":' * 50_000, b'{"token": "\\ud800"}',
    b'{"token": ' + b"9" * 5000 + b"}", b"NaN",
    b'{"token": 1e999}', b'{"token": "e30.e30."}', b'{"token": "' + b"." * 10_000 + b'"}',
    b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}",
]  # fmt: skip
NASTY_TEXTS = [
    "",
    "\0",
    "\ud800",
    "UNKNOWN",
    "é",
    "\u212a",
    "\U0001f600",
    "a" * 5000,
    "1" * 5000,
    "%00",
    "{0}",
    "../..",
    "\r\nX: y",
    "=",
]
NASTY_HEADERS = [
    b"", b"\xff", b"0", b"-1", b"9" * 400, b"*/*;q=nan", b"a/b;q=1e999, */*;q=-1", b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=\xff", b'multipart/form-data; boundary="',
    b"application/x-www-form-urlencoded; charset=nope",
    b"Basic", b"Basic ", b"Basic =", b"Bearer", b"Bearer pypi-", b"Bearer pypi-\xff",
    b"Basic X190b2tlbl9fOg==", b"token pypi-AgEA",
    b"chunked", b"gzip", b"https://evil.example", b"a b", b"[::1", b"x:99999999", b"bytes=0-",
    b"100-continue",
]  # fmt: skip
HEADER_NAMES = [
    b"Authorization", b"Content-Type", b"Content-Length", b"Accept", b"Host", b"User-Agent",
    b"Transfer-Encoding", b"Content-Encoding",
    b"X-Forwarded-Host", b"X-HTTP-Method-Override", b"Cookie", b"Range", b"Expect", b"Origin",
    b"If-None-Match", b"Content_Length", b"\xe9",
]  # fmt: skip
PATHS = [
    b"/", b"/_/oidc/audience", b"/_/oidc/mint-token", b"/_/oidc/github/mint-token", b"/_/oidc/burn-token",
    b"/legacy", b"/legacy/",
    b"/simple", b"/simple/", b"/simple/octo-rocket/", b"/simple/Octo.Rocket",
    b"/files/octo_rocket-1.0-py3-none-any.whl",
    b"/.well-known/openid-configuration", b"/.well-known/jwks", b"/idtoken/1",
    b"/api/v1/oauth/oidc/.well-known/jwks",
]  # fmt: skip

header_values = st.sampled_from(NASTY_HEADERS) | st.binary(max_size=30).filter(
    lambda value: not set(value) & set(b"\0\r\n")
)
headers = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), header_values), max_size=5)
texts = st.sampled_from(NASTY_TEXTS) | st.text(st.characters(), max_size=20)
paths = st.builds(
    lambda start, more, query: start + more + query,
    st.sampled_from(PATHS),
    st.just(b"")
    | st.sampled_from(
        [
            b"/",
            b"//",
            b"/..",
            b"%ff",
            b"%00",
            b"%2f",
            b"%E2%84%AA",
            b"/%c0%ae",
            b"\\",
            b";x",
            b"%",
            b"%zz",
        ]
    )
    | st.binary(max_size=6).map(lambda raw: b"".join(b"%%%02x" % byte for byte in raw)),
    st.sampled_from(
        [b"", b"?", b"?audience=%ff", b"?audience=pypi&audience=x", b"?%ff=%00", b"?" + b"&" * 2000]
    ),
)
hosts = st.just(INDEX) | st.sampled_from(["https://token.actions.githubusercontent.com",
"https://gitlab.com", "https://accounts.google.com",
                         "https://platform.activestate.com"])  # fmt: skip
targets = st.tuples(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "x"]), hosts, paths
) | st.sampled_from(
    [
        ("GET" if b"simple" in path or b"files" in path else "POST", INDEX, path)
        for path in PATHS[2:12]
    ]
    + [("GET", "https://token.actions.githubusercontent.com", path) for path in PATHS[12:15]]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 0, -1, 2**63])
    | st.floats()
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def forms(draw: Any) -> tuple[str, bytes]:
    """A multipart body, and its Content-Type: fields of an upload, some of them twice, wrong, or as files."""
    boundary, content = (
        draw(st.sampled_from(["x", "x", "-", "a b"])),
        draw(st.just(b"a wheel") | st.binary(max_size=20)),
    )
    sent = form(content=content) if draw(st.integers(0, 9)) else {}
    sent |= draw(
        st.dictionaries(
            st.sampled_from([*form(), "content", "gpg_signature", "md5_digest", "é", ""]),
            texts,
            max_size=2,
        )
    )
    fields = [
        *sent.items(),
        *draw(st.lists(st.tuples(st.sampled_from([*form()]), texts), max_size=2)),
    ]
    names = [
        wheel(),
        wheel(),
        "octo_rocket-1.0.tar.gz",
        "a.whl",
        ".whl",
        "a\\b.whl",
        "octo_rocket-1.0-py3-none-any\u0660.whl",
    ]
    filename = draw(st.none() | st.sampled_from(names) | st.sampled_from(names) | texts)
    body = b""
    for key, value in fields:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"'.encode(
            "utf-8", "surrogatepass"
        )
        body += b'; filename="f"' if draw(st.integers(0, 99)) == 99 else b""
        body += b"\r\n\r\n" + value.encode("utf-8", "surrogatepass") + b"\r\n"
    if filename is not None:
        kind = draw(
            st.sampled_from(
                [
                    "",
                    "\r\nContent-Type: application/zip",
                    "\r\nContent-Type: \x01",
                    "\r\nContent-Type: image/png",
                ]
            )
        )
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"'
        )
        head += f"{kind}\r\n\r\n"
        body += head.encode("utf-8", "surrogatepass") + content + b"\r\n"
    end = draw(
        st.just(f"--{boundary}--\r\n") | st.sampled_from([f"--{boundary}--", f"--{boundary}", ""])
    )
    return f'multipart/form-data; boundary="{boundary}"', body + end.encode()


CLAIMS = [
    "iss", "aud", "iat", "exp", "nbf", "jti", "sub", "crit", "é", "", *GitHubJob().claims(),
    *GitLabJob().claims(), "email",
    "email_verified", "organization", "actor_id", "builder",
]  # fmt: skip


def send(
    lab: Lab, method: str, url: str, path: bytes, raw_headers: list, body: bytes
) -> httpx.Response:
    """The answer to a request in which nothing was tidied up."""
    request = httpx.Request(
        method, httpx.URL(url).copy_with(raw_path=path), headers=raw_headers, content=body
    )
    response = lab.http.send(request)
    assert response.status_code < 500, (method, path, raw_headers, body[:200], response.text)
    return response


@settings(max_examples=250)
@given(targets, headers, st.sampled_from(NASTY_BODIES) | st.binary(max_size=50))
def any_request(lab, target, raw_headers, body):
    send(lab, *target, raw_headers, body)


def test_no_path_header_or_body_makes_anybody_answer_500():
    lab = Lab()
    lab.github.job_environment(GitHubJob())
    any_request(lab)
    assert mint(lab)


def test_no_nasty_header_makes_anybody_answer_500():
    lab = Lab()
    for path in (b"/_/oidc/burn-token", b"/legacy", b"/legacy/", b"/simple/octo-rocket/"):
        for name in HEADER_NAMES:
            for value in NASTY_HEADERS:
                send(
                    lab, "GET" if b"simple" in path else "POST", INDEX, path, [(name, value)], b"{}"
                )


def token_of(value: Any) -> dict[str, Any]:
    """What ought to be a token, where a token ought to be."""
    return {"token": value}


@settings(max_examples=60)
@given(
    st.sampled_from(NASTY_BODIES)
    | st.binary(max_size=100)
    | (values | values.map(token_of)).map(json.dumps)
)
def any_body(lab, body):
    body = body.encode() if isinstance(body, str) else body
    assert send(lab, "POST", INDEX, b"/_/oidc/mint-token", [], body).status_code == 422
    assert send(lab, "POST", INDEX, b"/_/oidc/burn-token", [], body).status_code == 202


def test_any_body_is_answered_by_mint_token_with_422_and_by_burn_token_with_202():
    any_body(Lab())


@settings(max_examples=120)
@given(forms(), st.booleans(), headers)
def any_form(lab, token, accept, kind_and_body, known, raw_headers):
    kind, body = kind_and_body
    raw = [
        (b"Authorization", f"Bearer {token}".encode()),
        (b"Content-Type", kind.encode()),
        (b"Accept", accept),
    ]
    response = send(lab, "POST", INDEX, b"/legacy/", raw + (raw_headers if not known else []), body)
    assert response.status_code in ((200, 400) if known else (200, 400, 403, 413)), response.text
    assert response.reason_phrase.isprintable()


@pytest.mark.parametrize("accept", [b"application/json", b"text/html"])
def test_any_form_is_stored_or_refused(accept):
    lab = Lab()
    any_form(lab, lab.index.create_api_token("alice"), accept)
    assert all(
        lab.index.file(file.filename) == file.content
        for file in lab.index.projects["octo-rocket"].files
    )


def test_a_form_of_many_fields_and_one_of_too_many_are_answered():
    lab = Lab()
    token = lab.index.create_api_token("alice")
    part = '--x\r\nContent-Disposition: form-data; name="f{}"\r\n\r\n1\r\n'
    for count, status in ((5_000, 400), (20_000, 413)):
        body = ("".join(map(part.format, range(count))) + "--x--\r\n").encode()
        raw = [
            (b"Authorization", f"Bearer {token}".encode()),
            (b"Content-Type", b"multipart/form-data; boundary=x"),
        ]
        assert send(lab, "POST", INDEX, b"/legacy/", raw, body).status_code == status


def test_a_field_of_a_megabyte_is_answered():
    lab = Lab()
    token = lab.index.create_api_token("alice")
    for field in form():
        assert upload(lab, token, **{field: "a" * 10**6, "filename": wheel()}).status_code in (
            200,
            400,
        )


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(CLAIMS), values, min_size=1, max_size=3))
def any_claims(lab, issuer, changes):
    changed = claims(issuer) | changes
    response = exchange(lab, issuer.id_token(changed))
    assert response.status_code in (200, 422), (changes, response.text)
    assert response.status_code == 200 or set(response.json()) == {"message", "errors"}


@pytest.mark.parametrize("provider", JOBS)
def test_whatever_claims_a_provider_signs_the_index_has_an_answer(provider):
    lab = Lab()
    if provider != "github":
        lab.index.add_publisher("octo-rocket", JOBS[provider][1])
    any_claims(lab, getattr(lab, provider))
    assert mint(lab, JOBS[provider][0])


@pytest.mark.parametrize("provider", JOBS)
def test_every_claim_of_every_impossible_shape_is_refused_or_free(provider):
    lab = Lab()
    issuer, key = getattr(lab, provider), getattr(lab, provider).signing_key
    if provider != "github":
        lab.index.add_publisher("octo-rocket", JOBS[provider][1])
    good = claims(issuer)
    for name in good:
        for shape in (
            "null",
            "7",
            "1e999",
            "NaN",
            "true",
            "[]",
            "{}",
            '""',
            '"\\ud800"',
            "9" * 400,
            "9" * 5000,
            "[" * 300 + "]" * 300,
        ):
            payload = json.dumps({**good, name: "HERE"}).replace('"HERE"', shape).encode()
            token = jwt.PyJWS().encode(
                payload, key.private_key, algorithm="RS256", headers={"kid": key.kid}
            )
            assert exchange(lab, token).status_code in (200, 422)


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="utf-8"), max_size=40)
    | values.map(json.dumps)
    | st.lists(values).map(json.dumps)
)
def any_caveat(lab, token, caveat):
    macaroon = api_tokens.parse(token)
    macaroon.add_first_party_caveat(caveat)
    attenuated = f"pypi-{macaroon.serialize()}"
    response = upload(lab, attenuated)
    assert response.status_code == 403 and response.reason_phrase.startswith("Invalid API Token: ")


def test_a_caveat_of_any_text_is_a_refusal():
    lab = Lab()
    any_caveat(lab, lab.index.create_api_token("alice"))
    assert lab.index.projects["octo-rocket"].files == ()
