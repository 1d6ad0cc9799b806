"""Connection strings as libpq reads them."""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


def check_conninfo(text: str) -> None:
    """Raise ValueError, without repeating `text`, unless it is a PostgreSQL URL or a `keyword=value` string."""
    try:
        conninfo_to_dict(text)
    except ProgrammingError:
        raise ValueError("must be a PostgreSQL URL, such as postgresql://user@host/database") from None
