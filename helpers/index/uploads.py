"""What the index asks of an upload: the form, then the file. Follows pypi/warehouse, `warehouse/forklift/legacy.py`.

The lab does not look inside the files, and does not render descriptions.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import Any

import flask
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from helpers.index.names import Refused, cut, valid_name
from helpers.index.registry import File, Project, State

_EXTENSIONS = {"sdist": (".tar.gz", ".zip"), "bdist_wheel": (".whl",)}
_METADATA_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")
_SEE = "See the core metadata specifications for more information."


@dataclass(frozen=True)
class Upload:
    """A form that is complete and makes sense, whoever sent it."""

    name: str
    file: File
    digests: dict[str, str]
    """The digests the client stated, by algorithm: "md5", "sha256" or "blake2_256"."""
    attestations: str | None = None
    """The field of that name as it came (PEP 740), None if there was none."""


def read_form(request: flask.Request) -> Upload:
    """The upload in a multipart request. Raises Refused with status 400 and the first thing that is wrong."""
    fields = {key: value for key, value in request.form.items() if value.strip() != "UNKNOWN"}
    for key in sorted(set(request.files) - {"content", "gpg_signature"}):
        raise Refused(400, f"{cut(key)}: Should not be a tuple.")
    if fields.get(":action") != "file_upload":
        raise Refused(
            400,
            f"Expected the field :action to be 'file_upload', got {cut(fields.get(':action', ''))!r}.",
        )
    if fields.get("protocol_version", "1") != "1":
        raise Refused(400, "Unknown protocol version.")
    if fields.get("metadata_version") not in _METADATA_VERSIONS:
        raise Refused(
            400,
            f"{cut(fields.get('metadata_version', ''))!r} is an invalid value for Metadata-Version. {_SEE}",
        )
    name, version, filetype = (fields.get(key, "") for key in ("name", "version", "filetype"))
    if not valid_name(name):
        rule = "Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'."
        raise Refused(400, f"{cut(name)!r} is an invalid value for Name. Error: {rule} {_SEE}")
    _check_version(version)
    _check_filetype(filetype, fields.get("pyversion", ""))
    digests = {
        key: fields.get(f"{key}_digest", "").lower() for key in ("md5", "sha256", "blake2_256")
    }
    for key in ("sha256", "blake2_256"):
        if digests[key] and not re.fullmatch(r"[a-f0-9]{64}", digests[key]):
            raise Refused(
                400,
                f"Invalid value for {key}_digest. Error: Use a valid, hex-encoded, {key} message digest.",
            )
    if not any(digests.values()):
        raise Refused(400, "Error: Include at least one message digest.")
    try:
        requires_python = str(SpecifierSet(fields.get("requires_python", "")))
    except InvalidSpecifier:
        raise Refused(
            400, f"{cut(fields['requires_python'])!r} is invalid for 'requires-python'. {_SEE}"
        ) from None
    content = request.files.get("content")
    if content is None or not content.filename:
        raise Refused(400, "Upload payload does not have a file.")
    if content.mimetype.startswith("image/"):
        raise Refused(400, "Invalid distribution file.")
    data = content.stream.read()
    file = File(
        filename=content.filename,
        version=str(Version(version)),
        filetype=filetype,
        content=data,
        sha256=hashlib.sha256(data).hexdigest(),
        blake2_256=hashlib.blake2b(data, digest_size=32).hexdigest(),
        requires_python=requires_python,
        uploaded=time.time(),
    )
    stated = {key: value for key, value in digests.items() if value}
    return Upload(name, file, stated, request.form.get("attestations"))


def accept(upload: Upload, project: Project, state: State) -> bool:
    """Whether the file is to be stored: False if the very same file is there already. Raises Refused with status 400."""
    file = upload.file
    _check_filename(file)
    actual = {"sha256": file.sha256, "blake2_256": file.blake2_256}
    if "md5" in upload.digests:
        actual["md5"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
    if not all(
        hmac.compare_digest(stated.encode(), actual[key].encode())
        for key, stated in upload.digests.items()
    ):
        raise Refused(
            400, "The digest supplied does not match a digest calculated from the uploaded file."
        )
    same_name = state.files.get(file.filename)
    same_bytes = next(
        (each for each in state.files.values() if each.blake2_256 == file.blake2_256), None
    )
    if same_name and same_bytes and same_name.blake2_256 == file.blake2_256:
        return False
    if same_name or same_bytes:
        known = f"{cut(file.filename)!r}, with blake2_256 hash {file.blake2_256!r}"
        raise Refused(
            400,
            f"File already exists ({known}). See the page on file name reuse for more information.",
        )
    _check_belongs(file, project)
    if file.filetype == "sdist" and any(
        (f.filetype, f.version) == ("sdist", file.version) for f in project.files
    ):
        raise Refused(400, "Only one sdist may be uploaded per release.")
    return True


def _check_version(text: str) -> None:
    try:
        version = Version(text)
    except ValueError:  # InvalidVersion, or a number with thousands of digits
        raise Refused(400, f"{cut(text)!r} is invalid for 'version'. {_SEE}") from None
    if version.local:
        raise Refused(400, f"The use of local versions in {cut(text)!r} is not allowed.")


def _check_filetype(filetype: str, pyversion: str) -> None:
    if filetype not in _EXTENSIONS:
        raise Refused(400, "Invalid value for filetype. Error: Use a known file type.")
    if filetype == "sdist" and pyversion not in ("", "source"):
        raise Refused(
            400, "Invalid value for pyversion. Error: Use 'source' as Python version for an sdist."
        )
    if filetype != "sdist" and not pyversion:
        raise Refused(
            400,
            "Invalid value for pyversion. Error: Python version is required for binary distribution uploads.",
        )


def _check_filename(file: File) -> None:
    """Characters and extension."""
    name = file.filename
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise Refused(400, "Cannot upload a file with non-printable characters (ordinals 0-31) or the DEL character (ordinal "
                           "127) in the name.")  # fmt: skip
    if "/" in name or "\\" in name:
        raise Refused(400, "Cannot upload a file with '/' or '\\' in the name.")
    if not (found := re.search(r"(?<=.)(\.tar\.gz|\.zip|\.whl)$", name, re.IGNORECASE)):
        raise Refused(
            400,
            "Invalid file extension: Use .tar.gz, .whl or .zip extension. See PEP 527 for more information.",
        )
    if found[0] not in _EXTENSIONS[file.filetype]:
        raise Refused(400, f"Invalid file extension: Extension {found[0]} is invalid for filetype {file.filetype}. See PEP "
                           "527 for more information.")  # fmt: skip


def _check_belongs(file: File, project: Project) -> None:
    """Whether the filename is that of this project and version (PEP 625, PEP 427)."""
    name, escaped = file.filename, canonicalize_name(project.name).replace("-", "_")
    parsed: Any
    try:
        parsed = (
            parse_sdist_filename(name) if file.filetype == "sdist" else parse_wheel_filename(name)
        )
    except (
        ValueError
    ) as error:  # InvalidSdistFilename, InvalidWheelFilename, or a number with thousands of digits
        kind = "source distribution" if file.filetype == "sdist" else "wheel"
        raise Refused(400, f"Invalid {kind} filename: {cut(name)}") from error
    if parsed[0] != canonicalize_name(project.name):
        raise Refused(400, f"Start filename for {project.name!r} with {escaped!r}.")
    if file.filetype == "sdist":
        if name != (expected := f"{escaped}-{file.version}.tar.gz"):
            raise Refused(400, f"Filename {cut(name)!r} is invalid, should be {expected!r}.")
        return
    written = name.partition("-")[0]
    if written != escaped:
        raise Refused(
            400,
            f"Filename {cut(name)!r} should contain the normalized project name {escaped!r}, not {written!r}.",
        )
    if parsed[1] != Version(file.version):
        raise Refused(
            400, f"Version in filename should be {file.version!r} not {str(parsed[1])!r}."
        )
