"""Names and texts quoted for SQL."""


def quoted(name: str) -> str:
    """A name of a table or column in double quotes.

    >>> quoted("AMT_CREDIT")
    '"AMT_CREDIT"'
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text value in single quotes.

    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"
