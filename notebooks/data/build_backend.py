"""A build backend (PEP 517) as short as can be, written for chapter 05: it builds one wheel of octo-rocket."""

import zipfile

WHEEL, ABOUT = "octo_rocket-1.0.0-py3-none-any.whl", "octo_rocket-1.0.0.dist-info"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/{WHEEL}", "w") as wheel:
        wheel.writestr("octo_rocket.py", "def launch(): return '3 2 1 lift-off'")
        wheel.writestr(f"{ABOUT}/METADATA", "Metadata-Version: 2.1\nName: octo-rocket\nVersion: 1.0.0\n")
        wheel.writestr(f"{ABOUT}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{ABOUT}/RECORD", "")
    return WHEEL
