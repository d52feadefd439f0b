"""A very small rocket."""


def launch() -> str:
    return "3 2 1 lift-off"
