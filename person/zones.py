"""Time zones by their IANA names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


class UnknownZone(ValueError):
    """The name is not in the IANA time zone database."""

    def __init__(self) -> None:
        super().__init__("not a time zone of the IANA database; send a name such as Europe/Berlin")


def zone_named(name: str) -> ZoneInfo:
    """The zone with this IANA name, in any case. Raises `UnknownZone`.

    Only names in the list of the package `tzdata` are known. `ZoneInfo` alone would also open other files of the
    machine, such as `localtime`.
    """
    known = _names().get(name.casefold())
    if known is None:
        raise UnknownZone
    return ZoneInfo(known)


@cache
def _names() -> Mapping[str, str]:
    listed = files("tzdata").joinpath("zones").read_text("utf-8").split()
    return {name.casefold(): name for name in listed}
