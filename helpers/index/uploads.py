"""Rules for an upload: the form, then the file. Follows pypi/warehouse,
`warehouse/forklift/legacy.py`.

The lab does not look inside the files, and does not render descriptions.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass

import flask
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from helpers.index.names import is_valid, shorten
from helpers.index.registry import File, Project, Release, State, release_key

RELEASE_LIFETIME = 14 * 24 * 3600
"""Seconds after its creation in which a release takes new files."""

_EXTENSIONS = {"sdist": (".tar.gz", ".zip"), "bdist_wheel": (".whl",)}
_METADATA_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")
_SEE = "See the core metadata specifications for more information."
_REUSE = "See the page on file name reuse for more information."
_GONE = {
    "submit": "Project pre-registration is no longer required or supported, "
    "upload your files instead.",
    "doc_upload": "Uploading documentation is no longer supported.",
}
_GONE["submit_pkg_info"] = _GONE["submit"]

# The platform tags that wheels may have (PEP 425, 513, 571, 599, 600, 656, 730, 738, 783).
_ARCH = "(x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64{})"
_PLATFORM = re.compile(
    r"any|win32|win_(arm64|amd64|ia64)|linux_armv[67]l"
    r"|manylinux(1|2010)_(x86_64|i686)"
    r"|manylinux2014_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)"
    rf"|manylinux_\d+_\d+_{_ARCH.format('|ppc64')}|musllinux_\d+_\d+_{_ARCH.format('')}"
    r"|macosx_(10_\d+|(1[1-5]|26)_0)_"
    r"(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)"
    r"|ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)"
    r"|android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)|pyemscripten_\d+_\d+_wasm32"
)


class Refused(Exception):
    """A request is refused with this HTTP status; the message is what the client is told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Upload:
    """A form that is complete and makes sense, whoever sent it."""

    name: str
    file: File
    digests: dict[str, str]
    """The digests the client stated, by algorithm: "md5", "sha256" or "blake2_256"."""
    urls: tuple[tuple[str, str], ...]
    """The project URLs, each a label and a URL."""
    media_type: str
    """The type of the file's content as stated, such as "application/octet-stream", or
    nothing."""
    attestations: str | None = None
    """The field of that name as it came (PEP 740), None if there was none."""


def read_form(request: flask.Request) -> Upload:
    """The upload in a multipart request. Raises Refused with the first thing that is wrong."""
    fields = {key: value for key, value in request.form.items() if value.strip() != "UNKNOWN"}
    for key in sorted(set(request.files) - {"content", "gpg_signature"}):
        raise Refused(400, f"{shorten(key)}: Should not be a tuple.")
    action = fields.get(":action", "")
    if action in _GONE:
        raise Refused(410, _GONE[action])
    if action != "file_upload":
        got = repr(shorten(action))
        raise Refused(400, f"Expected the field :action to be 'file_upload', got {got}.")
    if fields.get("protocol_version", "1") != "1":
        raise Refused(400, "Unknown protocol version.")
    if (stated := fields.get("metadata_version", "")) not in _METADATA_VERSIONS:
        raise Refused(400, f"{_invalid(stated, 'Metadata-Version')} {_SEE}")
    name, version, filetype = (fields.get(key, "") for key in ("name", "version", "filetype"))
    if not is_valid(name):
        rule = "Start and end with a letter or numeral containing only ASCII numeric"
        raise Refused(400, f"{_invalid(name, 'Name')} Error: {rule} and '.', '_' and '-'. {_SEE}")
    _check_version(version)
    _check_filetype(filetype, fields.get("pyversion", ""))
    digests = _digests(fields)
    try:
        requires_python = str(SpecifierSet(fields.get("requires_python", "")))
    except InvalidSpecifier:
        got = repr(shorten(fields["requires_python"]))
        raise Refused(400, f"{got} is invalid for 'requires-python'. {_SEE}") from None
    content = request.files.get("content")
    if content is None or not content.filename:
        raise Refused(400, "Upload payload does not have a file.")
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
    lines = [line.partition(",") for line in request.form.getlist("project_urls")]
    lines += [(label, ",", fields.get(key, "")) for label, key in _OLD_URLS if fields.get(key)]
    urls = tuple((label.strip(), url.strip()) for label, _, url in lines)
    return Upload(name, file, digests, urls, content.mimetype, request.form.get("attestations"))


_OLD_URLS = (("Homepage", "home_page"), ("Download", "download_url"))


def accept(upload: Upload, project: Project, release: Release, state: State) -> bool:
    """Check a file for a release, which may be new. Returns False if the very same file is there
    already.

    Raises Refused with status 400. The order is the real index's; it looks into the archive before
    it compares the filename with project and version. Attestations come last, see `attestations`.
    """
    file = upload.file
    _check_filename(file)
    if upload.media_type.startswith("image/"):
        raise Refused(400, "Invalid distribution file.")
    _check_digests(upload)
    if _is_there(file, state):
        return False
    if file.filename in state.deleted:
        reason = "This filename was previously used by a file that has since been deleted."
        raise Refused(400, f"{reason} Use a different version. {_REUSE}")
    if time.time() - release.created > RELEASE_LIFETIME:
        days = RELEASE_LIFETIME // (24 * 3600)
        reason = f"Uploading new files to releases older than {days} days is not allowed."
        raise Refused(400, reason)
    key = release_key(file.version)
    others = [each for each in project.files if release_key(each.version) == key]
    if file.filetype == "sdist" and any(each.filetype == "sdist" for each in others):
        raise Refused(400, "Only one sdist may be uploaded per release.")
    _check_sdist(file, project) if file.filetype == "sdist" else _check_wheel(file, project)
    return True


def _is_there(file: File, state: State) -> bool:
    """Compare with what the index has: False for a new file. Raises Refused for one that is there
    in part: the same name with other bytes, or the same bytes under another name."""
    same_name = state.files.get(file.filename)
    if same_name and same_name.blake2_256 == file.blake2_256:
        return True
    if same_name or any(each.blake2_256 == file.blake2_256 for each in state.files.values()):
        known = f"{shorten(file.filename)!r}, with blake2_256 hash {file.blake2_256!r}"
        raise Refused(400, f"File already exists ({known}). {_REUSE}")
    return False


def _invalid(value: str, field: str) -> str:
    return f"{shorten(value)!r} is an invalid value for {field}."


def _check_version(text: str) -> None:
    try:
        version = Version(text)
    except ValueError:  # InvalidVersion, or a number with thousands of digits
        raise Refused(400, f"{shorten(text)!r} is invalid for 'version'. {_SEE}") from None
    if version.local:
        raise Refused(400, f"The use of local versions in {shorten(text)!r} is not allowed.")


def _check_filetype(filetype: str, pyversion: str) -> None:
    error = ""
    if filetype not in _EXTENSIONS:
        raise Refused(400, "Invalid value for filetype. Error: Use a known file type.")
    if filetype == "sdist" and pyversion not in ("", "source"):
        error = "Use 'source' as Python version for an sdist."
    if filetype != "sdist" and not pyversion:
        error = "Python version is required for binary distribution uploads."
    if error:
        raise Refused(400, f"Invalid value for pyversion. Error: {error}")


def _digests(fields: dict[str, str]) -> dict[str, str]:
    """The stated digests. Raises Refused for one that is none, or if there is none."""
    kinds = ("md5", "sha256", "blake2_256")
    found = {kind: fields.get(f"{kind}_digest", "").lower() for kind in kinds}
    for key in ("sha256", "blake2_256"):
        if found[key] and not re.fullmatch(r"[a-f0-9]{64}", found[key]):
            rule = f"Use a valid, hex-encoded, {key} message digest."
            raise Refused(400, f"Invalid value for {key}_digest. Error: {rule}")
    if not any(found.values()):
        raise Refused(400, "Error: Include at least one message digest.")
    return {key: value for key, value in found.items() if value}


def _check_digests(upload: Upload) -> None:
    file = upload.file
    actual = {"sha256": file.sha256, "blake2_256": file.blake2_256}
    actual["md5"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
    for key, stated in upload.digests.items():
        if not hmac.compare_digest(stated.encode(), actual[key].encode()):
            reason = "does not match a digest calculated from the uploaded file"
            raise Refused(400, f"The digest supplied {reason}.")


def _check_filename(file: File) -> None:
    """Characters and extension."""
    name = file.filename
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        what = "non-printable characters (ordinals 0-31) or the DEL character (ordinal 127)"
        raise Refused(400, f"Cannot upload a file with {what} in the name.")
    if "/" in name or "\\" in name:
        raise Refused(400, "Cannot upload a file with '/' or '\\' in the name.")
    invalid, see = "Invalid file extension:", "See PEP 527 for more information."
    if not (found := re.search(r"(?<=.)(\.tar\.gz|\.zip|\.whl)$", name, re.IGNORECASE)):
        raise Refused(400, f"{invalid} Use .tar.gz, .whl or .zip extension. {see}")
    if found[0] not in _EXTENSIONS[file.filetype]:
        reason = f"Extension {found[0]} is invalid for filetype {file.filetype}."
        raise Refused(400, f"{invalid} {reason} {see}")


def _check_sdist(file: File, project: Project) -> None:
    """The filename is that of this project and version (PEP 625)."""
    name = shorten(file.filename)
    try:
        found: str = parse_sdist_filename(file.filename)[0]
    except ValueError as error:  # InvalidSdistFilename, or a number with thousands of digits
        raise Refused(400, f"Invalid source distribution filename: {name}") from error
    normalized = canonicalize_name(project.name)
    if Version(file.version).is_postrelease and found != normalized:
        found = canonicalize_name(file.filename.rsplit("-", 2)[0])  # 1.0-1 is 1.0.post1
    if found != normalized:
        raise Refused(400, _start_with(project))
    if file.filename != (expected := f"{_escaped(project)}-{file.version}.tar.gz"):
        raise Refused(400, f"Filename {name!r} is invalid, should be {expected!r}.")


def _check_wheel(file: File, project: Project) -> None:
    """The filename is that of this project and version (PEP 427), for platforms that the index
    serves."""
    name, escaped = shorten(file.filename), _escaped(project)
    try:
        found, version, _, tags = parse_wheel_filename(file.filename)
    except ValueError as error:
        raise Refused(400, shorten(str(error))) from error
    for platform in sorted(tag.platform for tag in tags):
        if not _PLATFORM.fullmatch(platform):
            reason = f"an unsupported platform tag {shorten(platform)!r}"
            raise Refused(400, f"Binary wheel {name!r} has {reason}.")
    if found != canonicalize_name(project.name):
        raise Refused(400, _start_with(project))
    if (written := file.filename.partition("-")[0]) != escaped:
        expected = f"the normalized project name {escaped!r}, not {written!r}"
        raise Refused(400, f"Filename {name!r} should contain {expected}.")
    if version != Version(file.version):
        expected = f"{file.version!r} not {str(version)!r}"
        raise Refused(400, f"Version in filename should be {expected}.")


def _escaped(project: Project) -> str:
    return canonicalize_name(project.name).replace("-", "_")


def _start_with(project: Project) -> str:
    return f"Start filename for {project.name!r} with {_escaped(project)!r}."
