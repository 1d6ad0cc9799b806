"""What a session's device says about the person, and the form of calendar days of each request."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from person import DayForms, StatedLocale
from server.devices import NO_LOCALE, DeviceLocale


class SessionLocale:
    """The locale of a session's device. A request keeps the form of days with which it began.

    Otherwise a local midnight that was sent to the device before a journey would be read in the zone after it.
    """

    __slots__ = ("_begun", "_latest")

    def __init__(self) -> None:
        self._latest = NO_LOCALE
        # The form of the requests that ran when it changed last. None before the first change.
        self._begun: dict[UUID, DayForms] | None = None

    @property
    def latest(self) -> DeviceLocale:
        """What the device said last."""
        return self._latest

    @property
    def stated(self) -> StatedLocale | None:
        """What the device says about the person's locale."""
        return self._latest.stated

    def change(self, locale: DeviceLocale, running: Iterable[UUID]) -> None:
        """The device's locale from now on. The requests in `running` keep their form of days.

        A device that declares another form has a new application, which reads and writes only that form.
        """
        before = self._latest.forms
        if locale.forms.form != before.form:
            self._begun = None
        elif before.converts and locale.forms != before:
            self._begun = {request_id: self.forms(request_id) for request_id in running}
        self._latest = locale

    def forms(self, request_id: UUID | None) -> DayForms:
        """The form of days in frames of a request; with None, in frames of no request."""
        if self._begun is None or request_id is None:
            return self._latest.forms
        return self._begun.get(request_id, self._latest.forms)
