"""A cube root of whole numbers, for the forgery in part 3 of chapter 03."""


def cube_root_up(x: int) -> int:
    """Return the smallest whole number whose third power is at least x, for x below 2**2100."""
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < x else (low, middle)
    return low
