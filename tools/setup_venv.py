"""Makes .venv: the locked packages, hash-checked, and beside them the uv of an older day.

The Makefile calls it. It answers at once when .venv is already what the locks say; otherwise it makes .venv
anew, so that in it are the locks and nothing else. It needs only the standard library, and it has to parse on
every Python that it turns away, 2.7 included: no f-strings, no annotations, newer modules imported inside
functions.
"""

import json
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)  # as in pyproject.toml
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))
STAMP = os.path.join(VENV, "made-from")
LOCK = os.path.join(ROOT, "requirements.txt")
OLD_UV_LOCK = os.path.join(ROOT, "requirements-uv-0.9.13.txt")

# JupyterLab asks on its first start whether it may fetch news. The lab works offline: no.
NO_NEWS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


def objection(version, can_make_venvs):
    """Why this Python cannot be used: a sentence that says what to do, or None.

    version: (major, minor) of the Python; can_make_venvs: a function without arguments, asked only if the
    version will do.
    """
    found = "This is Python %d.%d (%s)" % (version[0], version[1], sys.executable)
    wanted = "Python %d.%d to %d.%d" % (OLDEST + NEWEST)
    name_one = "name one with `make PYTHON=/path/to/python ...`"
    if version < OLDEST:
        return "%s, which is too old: install %s, or %s." % (found, wanted, name_one)
    if version > NEWEST:
        return "%s, newer than what the lab was tested with: use %s, or %s." % (
            found,
            wanted,
            name_one,
        )
    if not can_make_venvs():
        return (
            "%s, but its venv module is missing or incomplete: install it (on Debian and Ubuntu: "
            "apt-get install python%d.%d-venv), or %s." % ((found,) + version + (name_one,))
        )
    return None


def can_make_venvs():
    """Whether this Python has both venv and ensurepip (some distributions package them apart)."""
    try:
        import ensurepip
        import venv  # noqa: F401

        return bool(ensurepip.version())
    except Exception:
        return False


def key():
    """What .venv is made from: the two locks, this script, and the folder (no .venv survives a move)."""
    import hashlib

    digest = hashlib.sha256(ROOT.encode("utf-8", "surrogateescape"))
    for path in (LOCK, OLD_UV_LOCK, os.path.abspath(__file__)):
        with open(path, "rb") as file:
            digest.update(b"\0" + file.read().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def is_ready(version=None):
    """Whether .venv was made from these locks (and, if given, by this "major.minor" of Python)."""
    if sys.version_info[0] < 3 or not (os.path.exists(STAMP) and os.path.exists(PYTHON)):
        return False
    with open(STAMP) as file:
        made_from = file.read().split()
    return made_from[:1] == [key()] and version in (None, made_from[-1])


def make():
    """Makes .venv from nothing; raises CalledProcessError when pip, having said why, fails."""
    import sysconfig
    import venv

    venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    # -I: the user's own packages and PYTHONPATH take no part. The locks are complete: nothing to resolve.
    pip = [PYTHON, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    pip += ["--no-user", "--no-deps", "--require-hashes", "--no-compile"]
    subprocess.check_call(pip + ["-r", LOCK])
    subprocess.check_call(pip + ["--target", os.path.join(VENV, "uv-0.9.13"), "-r", OLD_UV_LOCK])

    # Compiled on all cores, and also where PYTHONDONTWRITEBYTECODE is set: later starts are twice as fast.
    packages = sysconfig.get_path("purelib", vars={"base": VENV, "platbase": VENV})
    subprocess.call([PYTHON, "-I", "-m", "compileall", "-qq", "-j", "0", packages])
    # `helpers` can be imported, and `python -m helpers` run, wherever one stands.
    with open(os.path.join(packages, "octo_rocket_lab.pth"), "w") as file:
        file.write(ROOT + "\n")
    settings = os.path.join(VENV, "share", "jupyter", "lab", "settings")
    os.makedirs(settings, exist_ok=True)
    with open(os.path.join(settings, "overrides.json"), "w") as file:
        json.dump(NO_NEWS, file)
    # IPYTHONDIR in the Makefile. A kernel's warnings would bury the address that make lab prints.
    profile = os.path.join(VENV, "ipython", "profile_default")
    os.makedirs(profile, exist_ok=True)
    with open(os.path.join(profile, "ipython_kernel_config.json"), "w") as file:
        json.dump({"IPKernelApp": {"log_level": 40}}, file)


def missing_programs():
    """What chapter 01 needs and this machine lacks."""
    import shutil

    return [program for program in ("git", "bash") if shutil.which(program) is None]


def main():
    """Makes .venv where that is needed; returns what sys.exit wants: a sentence when it fails, or None."""
    version = "%d.%d" % sys.version_info[:2]
    if not is_ready(version if "--this-python" in sys.argv[1:] else None):
        refusal = objection(sys.version_info[:2], can_make_venvs)
        if refusal:
            return refusal
        print("Setting up .venv with Python %s: once, about a minute." % version)
        sys.stdout.flush()
        try:
            make()
        except subprocess.CalledProcessError:
            return (
                "Set-up failed for the reason above. See Trouble in README.md, then run make again."
            )
        except OSError as error:
            return "Set-up failed: %s." % error
        except KeyboardInterrupt:
            return "Set-up was interrupted: run make again."
        with open(STAMP, "w") as file:
            file.write("%s %s\n" % (key(), version))
        print("Set-up is done.")
    for program in missing_programs():
        print(
            "Chapter 01 needs %s, which is not on this machine; the other chapters do not."
            % program
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
