"""How names are compared: composed alike, without outer or doubled spaces, in any case."""

import unicodedata


def folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()
