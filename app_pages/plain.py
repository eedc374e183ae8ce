"""Names and texts from files and links, shown letter by letter."""

import re

MARKUP = re.compile(r"([\\`*_{}\[\]<~$&]|^[-+>#]|^\d+(?=[.)]))")
LINKS = re.compile(r"(:(?=[\w+/-])|www(?=\.)|@)", re.IGNORECASE)


def plain(text: object) -> str:
    """Text that markdown shows as it stands: no emphasis, no link, no image, no formula, no icon, no list.

    What a backslash does not keep from becoming an icon or a link, like `:name:` or `www.`, is broken by a character
    of no width.
    """
    flat = " ".join(str(text).split())
    joined = LINKS.sub("\\1\N{WORD JOINER}", flat)
    return MARKUP.sub(lambda found: f"\\{found[0]}" if not found[0].isdigit() else f"{found[0]}\\", joined)
