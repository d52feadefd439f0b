"""Make .venv: the locked packages, hash-checked, and beside them the uv of an older day.

The Makefile calls it. It returns at once when .venv is already what the locks say. Otherwise it
makes .venv again from nothing, so that it contains the locked packages and nothing else: pip
installs the locked uv, and uv installs the rest, because it is several times faster. With --will-do
it only says whether the Python that runs it can be used.

It needs only the standard library, and it has to parse on every Python that it turns away, 2.7
included: no f-strings, no annotations, newer modules imported inside functions.
"""

import json
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)  # as in pyproject.toml
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
SCRIPTS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python.exe" if os.name == "nt" else "python")
UV = os.path.join(SCRIPTS, "uv.exe" if os.name == "nt" else "uv")
STAMP = os.path.join(VENV, "made-from")
LOCK = os.path.join(ROOT, "requirements.txt")
OLD_UV_LOCK = os.path.join(ROOT, "requirements-uv-0.9.13.txt")
OLD_UV = os.path.join(VENV, "uv-0.9.13")

# JupyterLab asks on its first start whether it may fetch news. The lab works offline: no.
NO_NEWS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


def objection(version, can_make_venvs):
    """Return why this Python cannot be used, a sentence that says what to do, or None.

    version: (major, minor) of the Python; can_make_venvs: a function without arguments, asked only
    if the version will do.
    """
    found = "This is Python %d.%d (%s)" % (version[0], version[1], sys.executable)
    wanted = "Python %d.%d to %d.%d" % (OLDEST + NEWEST)
    name_one = "name one with `make PYTHON=/path/to/python ...`"
    if version < OLDEST:
        problem = "which is too old: install %s" % wanted
    elif version > NEWEST:
        problem = "newer than what the lab was tested with: use %s" % wanted
    elif not can_make_venvs():
        problem = "but its venv module is missing or incomplete: install it (on Debian and Ubuntu: "
        problem += "apt-get install python%d.%d-venv)" % version
    else:
        return None
    return "%s, %s, or %s." % (found, problem, name_one)


def can_make_venvs():
    """Tell whether this Python has venv and ensurepip; some distributions package them apart."""
    try:
        import ensurepip
        import venv  # noqa: F401

        return bool(ensurepip.version())
    except Exception:
        return False


def key():
    """Return a digest of what .venv is made from: the two locks, this script, and the folder.

    The folder is a part of it because a .venv cannot be moved.
    """
    import hashlib

    digest = hashlib.sha256(ROOT.encode("utf-8", "surrogateescape"))
    for path in (LOCK, OLD_UV_LOCK, os.path.abspath(__file__)):
        with open(path, "rb") as file:
            digest.update(b"\0" + file.read().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def is_ready(version=None):
    """Tell whether .venv was made from these locks and, if given, by this "major.minor"."""
    if sys.version_info[0] < 3 or not (os.path.exists(STAMP) and os.path.exists(PYTHON)):
        return False
    with open(STAMP) as file:
        made_from = file.read().split()
    return made_from[:1] == [key()] and version in (None, made_from[-1])


def make():
    """Make .venv from nothing; raise CalledProcessError when pip, having said why, fails."""
    import venv

    venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    install()
    # `helpers` can be imported, and `python -m helpers` run, from any folder.
    with open(os.path.join(site_packages(), "octo_rocket_lab.pth"), "w") as file:
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


def site_packages():
    """Return the folder of .venv's packages.

    The scheme has to be named: the default one of Debian's and Ubuntu's Python leads to
    dist-packages, a folder that no venv has.
    """
    import sysconfig

    return sysconfig.get_path("purelib", "venv", vars={"base": VENV, "platbase": VENV})


def install():
    """Install both locks into .venv: uv by pip, the rest by uv, or by pip where uv cannot.

    The locks are complete, so there is nothing to resolve, and every file's hash is checked.
    """
    # -I: the user's own packages and PYTHONPATH take no part.
    pip = [PYTHON, "-I", "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
    pip += ["--no-user", "--no-deps", "--require-hashes", "--no-compile"]
    only_uv = os.path.join(VENV, "uv.txt")
    with open(LOCK) as lock, open(only_uv, "w") as file:
        file.write(pin_of("uv", lock.read()))
    subprocess.check_call(pip + ["-r", only_uv])
    locks = ["-r", LOCK], ["--target", OLD_UV, "-r", OLD_UV_LOCK]
    reason = uv_installs(locks)
    if reason is not None:
        print("uv failed (%s), so pip installs the packages: about a minute more." % reason)
        sys.stdout.flush()
        for arguments in locks:
            subprocess.check_call(pip + ["--upgrade"] + arguments)
        # On all cores, and also where PYTHONDONTWRITEBYTECODE is set: starts are twice as fast.
        subprocess.call([PYTHON, "-I", "-m", "compileall", "-qq", "-j", "0", site_packages()])


def uv_installs(locks):
    """Let uv install the locks (lists of its arguments); return why it could not, or None."""
    options, environment = for_uv(pip_settings())
    uv = [UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", PYTHON]
    uv += ["--no-deps", "--require-hashes"] + options
    for lock in locks:
        try:
            subprocess.check_output(uv + lock, env=environment, stderr=subprocess.STDOUT)
        except subprocess.CalledProcessError as error:
            return " ".join(error.output.decode("utf-8", "replace").split())[:300]
        except OSError as error:
            return str(error)
    return None


def pin_of(name, lock):
    """Return the lines of a lock that pin one package; raise ValueError if there are none."""
    import re

    found = re.search(r"^%s==(.*\\\n)*.*\n" % re.escape(name), lock, re.MULTILINE)
    if not found:
        raise ValueError("expected a pin of %s in the lock, found none" % name)
    return found.group()


def pip_settings():
    """Return what pip's configuration files and environment variables set, by option name."""
    import ast

    sections = ["global", "install", ":env:"]  # the later ones win
    found = []
    listing = subprocess.check_output([PYTHON, "-I", "-m", "pip", "config", "list"])
    for line in listing.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in sections:
            found.append((sections.index(section), option, ast.literal_eval(value)))
    return {option: value for _, option, value in sorted(found)}


def for_uv(settings):
    """Return pip's settings in uv's words: command-line options, and the environment to run it in.

    settings: values by option name, as pip_settings() returns them. uv uses the same indexes,
    certificate authorities, proxy and time limit. Addresses go into the environment, since every
    user of the machine can read the passwords on a command line.
    """
    words = {
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": " ".join(settings.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": settings.get("timeout", settings.get("default-timeout")),
        "HTTP_PROXY": settings.get("proxy"),
        "HTTPS_PROXY": settings.get("proxy"),
        "SSL_CLIENT_CERT": settings.get("client-cert"),
        # Of several indexes pip takes the best file, uv the first index that knows the name. The
        # hashes make both safe.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    bundles = [os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    authorities = bundles[0] or bundles[1] or settings.get("cert")  # in pip, too, these come first
    if authorities:
        words["SSL_CERT_DIR" if os.path.isdir(authorities) else "SSL_CERT_FILE"] = authorities
    elif has_authorities():
        words["UV_SYSTEM_CERTS"] = "true"  # as pip does: a company's own authority is among them
    environment = dict(os.environ)
    environment.update((name, value) for name, value in words.items() if value)
    no_index = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return ["--no-index"] if no_index else [], environment


def has_authorities():
    """Tell whether this system has a store of certificate authorities."""
    import ssl

    if os.name == "nt" or sys.platform == "darwin":
        return True
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and os.listdir(paths.capath)))


def main():
    """Make .venv where that is needed; return what sys.exit wants, a sentence if it failed."""
    if "--will-do" in sys.argv[1:]:
        return objection(sys.version_info[:2], can_make_venvs)
    version = "%d.%d" % sys.version_info[:2]
    if not is_ready(version if "--this-python" in sys.argv[1:] else None):
        refusal = objection(sys.version_info[:2], can_make_venvs)
        if refusal:
            return refusal
        print("Setting up .venv with Python %s: once, about half a minute." % version)
        sys.stdout.flush()
        made_from = key()  # not afterwards: somebody may change a lock meanwhile
        try:
            make()
        except subprocess.CalledProcessError:
            return "Set-up failed, see above and Trouble in README.md; then run make again."
        except OSError as error:
            return "Set-up failed: %s." % error
        except KeyboardInterrupt:
            return "Set-up was interrupted: run make again."
        with open(STAMP, "w") as file:
            file.write("%s %s\n" % (made_from, version))
        # The one list of what the chapters need, git and bash included.
        subprocess.call([PYTHON, "-I", "-m", "course.ch00.setup_check"])
    return None


if __name__ == "__main__":
    sys.exit(main())
