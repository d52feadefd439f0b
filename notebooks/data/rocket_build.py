"""A small build backend (PEP 517), written for chapter 06: it builds an sdist and a wheel from pyproject.toml and src/."""

import io
import tarfile
import tomllib
import zipfile
from pathlib import Path

STAMP = (2026, 11, 23, 9, 0, 0)


def _project():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return project["name"].replace("-", "_"), project["version"], project


def _metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    return "\n".join([*lines, f"Requires-Python: {project['requires-python']}", ""])


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, version, project = _project()
    about, filename = f"{name}-{version}.dist-info", f"{name}-{version}-py3-none-any.whl"
    files = {path.relative_to("src").as_posix(): path.read_text() for path in Path("src").rglob("*.py")}
    files[f"{about}/METADATA"] = _metadata(project)
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/RECORD"] = ""
    with zipfile.ZipFile(Path(folder, filename), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(zipfile.ZipInfo(path, STAMP), text)
    return filename


def build_sdist(folder, config_settings=None):
    name, version, project = _project()
    base, filename = f"{name}-{version}", f"{name}-{version}.tar.gz"
    files = {"PKG-INFO": _metadata(project), "pyproject.toml": Path("pyproject.toml").read_text()}
    files |= {path.as_posix(): path.read_text() for path in Path("src").rglob("*.py")}
    with tarfile.open(Path(folder, filename), "w:gz") as archive:
        for path, text in files.items():
            about = tarfile.TarInfo(f"{base}/{path}")
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))
    return filename
