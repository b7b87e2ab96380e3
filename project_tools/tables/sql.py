"""Names and texts as SQL takes them."""


def quoted(name: str) -> str:
    """A name between double quotes.

    >>> quoted("AMT_CREDIT")
    '"AMT_CREDIT"'
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text between single quotes.

    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"
