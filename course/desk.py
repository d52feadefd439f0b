"""Exchange an ID token and upload a small release: plumbing that chapters and checks share.

    lab = Lab()
    api_token, refusal = exchange(lab, lab.github.id_token(GitHubJob()))
    upload(lab, api_token, "octo_rocket-1.0-py3-none-any.whl")  # True

Chapter 04 teaches what happens here, step by step.
"""

import hashlib

import httpx
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from helpers.lab import INDEX_URL, Lab


def exchange(lab: Lab, id_token: str) -> tuple[str, str]:
    """Exchange an ID token at the lab's index for an API token.

    Returns (API token, "") if the index mints one, else ("", code of the refusal), such as
    "invalid-publisher" (PyPI documentation, "Troubleshooting").
    """
    answer = lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json={"token": id_token}).json()
    return (answer["token"], "") if answer.get("success") else ("", answer["errors"][0]["code"])


def upload(lab: Lab, api_token: str, filename: str, content: bytes = b"") -> bool:
    """Upload a wheel or an sdist, and return whether the index published it.

    filename: its name, from which project and version are taken. content: its bytes; without any,
    the filename itself stands in, because the lab's index does not look into a file.
    """
    return post_file(lab.http, api_token, filename, content).is_success


def post_file(
    http: httpx.Client, api_token: str, filename: str, content: bytes = b"", **more: str
) -> httpx.Response:
    """Upload like `upload`, and return the index's answer; its `reason_phrase` says why it refuses.

    The form is that of the index's legacy upload API, which twine and uv fill in too; `more` are
    other fields of it. Raises packaging's InvalidWheelFilename or InvalidSdistFilename for other
    filenames.
    """
    if filename.endswith(".whl"):
        project, version, *_ = parse_wheel_filename(filename)
        kind = {"filetype": "bdist_wheel", "pyversion": "py3"}
    else:
        project, version = parse_sdist_filename(filename)
        kind = {"filetype": "sdist", "pyversion": "source"}
    content = content or filename.encode()
    form = kind | {
        **more,
        ":action": "file_upload",
        "metadata_version": "2.4",
        "name": project,
        "version": str(version),
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    user, file = ("__token__", api_token), {"content": (filename, content)}
    return http.post(f"{INDEX_URL}/legacy/", auth=user, data=form, files=file)
