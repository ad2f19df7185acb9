"""Why accounts are down, and what to do about each cause: the vendor's documentation as data, in our own words.

Sources: the vendor's page "Account status updates" for CREDENTIALS, ERROR, STOPPED and CONNECTING; integrators for
PERMISSIONS and CREATION_FAIL.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .status import Status


class Need(StrEnum):
    """A fact that a cause depends on, and that may be known of an account."""

    EXPIRED = "expired"
    """The provider's session has lasted its length."""
    JUST_SIGNED_IN = "just signed in"
    """The account was lost soon after its user had signed in."""
    LONG_SIGNED_IN = "long signed in"
    """The account was lost well after its user had signed in."""
    RECRUITER = "recruiter"
    """The account has LinkedIn's Recruiter."""


class Cause(NamedTuple):
    """Why an account can be down, and what helps."""

    text: str
    """The cause as a clause."""
    remedy: str
    """What to do, as a sentence."""
    needs: Need | None = None
    """What must be true for it; None if it can always be."""
    hints: tuple[str, ...] = ()
    """Parts of words, in lower case, by which a reason that the vendor gives points to it."""


# fmt: off
_ENDED = ("disconnect", "logged out", "signed out", "terminated")
_PASSWORD = ("password", "2fa", "two-factor", "two factor")
_ROBOT = ("automat", "suspicious", "bot ", "robot", "unusual")

_EXPIRED = Cause(
    "the session expired, as it does after one year",
    "Ask the user to reconnect; the next time, ask when on_session_expiring is called, before the session ends.",
    Need.EXPIRED, ("expir",))
_AUTOMATION = Cause(
    "too many, too regular or too repetitive requests raised an automation warning",
    "Slow down first and vary the hours (the vendor publishes each provider's limits), then ask the user to reconnect: "
    "at the old pace it will be lost again.",
    Need.LONG_SIGNED_IN, _ROBOT)
_PROXY = Cause(
    "the proxy was too slow, or down for a long time",
    "Repair or replace the proxy, then ask the user to reconnect.",
    Need.LONG_SIGNED_IN, ("proxy",))

_LINKEDIN = (
    Cause(
        "the user ended the session in LinkedIn's settings",
        "Ask the user to reconnect, and to leave the new session in place in the list of active sessions.",
        hints=_ENDED),
    Cause(
        "the user changed the password and signed out everywhere, or turned on two-step verification",
        "Ask the user to reconnect with the new password, and to have the second factor at hand.",
        hints=_PASSWORD),
    _AUTOMATION,
    Cause(
        "too many requests were refused (invalid_attendee, insufficient_credit and the like)",
        "Make your sequences stop or adapt when such an error comes, then ask the user to reconnect.",
        Need.LONG_SIGNED_IN, ("too many", "reject", "refus")),
    _EXPIRED,
    Cause(
        "the account was connected with cookies, and the user logged out in that browser, to switch accounts perhaps",
        "Ask the user to reconnect, and to use another browser profile for other LinkedIn accounts.",
        hints=("cookie",)),
    Cause(
        "the account was connected with cookies by your own form, without the browser's own user agent",
        "Send the user_agent of the browser that the cookies come from, then ask the user to reconnect.",
        Need.JUST_SIGNED_IN, ("user agent", "user_agent")),
    Cause(
        "the account was connected with cookies in hosted auth, which came from another browser or another user",
        "Ask the user to reconnect in the very browser that the cookies are taken from, with nobody else's cookies.",
        Need.JUST_SIGNED_IN),
    Cause(
        "LinkedIn asked to choose a session, as it does with Recruiter accounts connected with credentials",
        "Ask the user to reconnect with cookies in place of credentials.",
        Need.RECRUITER, ("session", "contract")),
    _PROXY,
)
_INSTAGRAM = (
    Cause(
        "Instagram asks for a security checkpoint",
        "Ask the user to confirm it in Instagram's app or site first, and then to reconnect.",
        hints=("checkpoint", "challenge")),
    Cause(
        "the user ended the session in Instagram's settings",
        "Ask the user to reconnect, and to leave the new session in place.",
        hints=_ENDED),
    Cause(
        "the user changed the password and signed out everywhere",
        "Ask the user to reconnect with the new password.",
        hints=_PASSWORD),
    _AUTOMATION, _EXPIRED, _PROXY,
)
_OAUTH = (
    Cause(
        "the user revoked your application's access in the account's settings",
        "Ask the user whether that was meant, and if not, to reconnect.",
        hints=("revok", *_ENDED)),
    Cause(
        "the user changed the password and had all tokens revoked",
        "Ask the user to reconnect.",
        hints=_PASSWORD),
    Cause(
        "an administrator of the user revoked your application's permissions or its tokens",
        "Ask the administrator to allow your application again, and then the user to reconnect.",
        hints=("admin",)),
    Cause(
        "the user did not tick every permission at sign-in",
        "Ask the user to reconnect and to tick every permission that is asked for.",
        Need.JUST_SIGNED_IN, ("scope", "permission")),
    Cause(
        "the mailbox is gone, or its address changed",
        "Ask the user to reconnect with the present address.",
        hints=("not found", "does not exist")),
    Cause(
        "the OAuth keys in your settings changed",
        "Put the right keys into your settings, then ask all users of that provider to reconnect.",
        hints=("oauth", "client")),
)
_PHONE = (
    Cause(
        "the user ended the session in the app's list of linked devices",
        "Ask the user to reconnect, and to leave the new device in that list.",
        hints=_ENDED),
    Cause(
        "the provider restricts the account, for a time or for good, after too many sensitive requests: profiles "
        "fetched, messages without answers, reports by other users",
        "Send and fetch less, and to people who answer; ask the user to look in the app whether the account is "
        "restricted, and to reconnect once it is not.",
        Need.LONG_SIGNED_IN, ("restrict", "ban", *_ROBOT)),
    Cause(
        "the phone had no network for a long time",
        "Ask the user to bring the phone online and open the app there, and to reconnect if that does not suffice.",
        Need.LONG_SIGNED_IN, ("offline", "network")),
)
_MAILBOX = (
    Cause(
        "the user changed the mailbox's password",
        "Ask the user to reconnect with the new password, or with an app password where the provider wants one.",
        hints=_PASSWORD),
)
SIGNED_OUT_OF_ANY = (
    Cause(
        "the session ended or the password changed (the vendor documents no causes for this provider)",
        "Ask the user to reconnect."),
)
"""Why credentials become invalid, where nothing is documented."""
SIGNED_OUT = {"linkedin": _LINKEDIN, "instagram": _INSTAGRAM, "oauth": _OAUTH, "phone": _PHONE, "mailbox": _MAILBOX}
"""Why credentials become invalid, by the way in which an account signs in."""

OF_STATUS: Mapping[Status, tuple[Cause, ...]] = {
    Status.PERMISSIONS: (
        Cause(
            "a permission that is needed was revoked, by the user or an administrator",
            "Ask the user to reconnect and to grant each permission again, with an administrator's consent if needed.",
            hints=("revok", "admin")),
        Cause(
            "the user did not grant every permission at sign-in",
            "Ask the user to reconnect and to tick every permission that is asked for.",
            Need.JUST_SIGNED_IN, ("scope",)),
    ),
    Status.ERROR: (
        Cause(
            "an unexpected error stopped the vendor's fetching of data",
            "Wait a while, then restart the account by the vendor's API; if it stops again, report it to the vendor."),
        Cause("the proxy fails", "Check the proxy, and replace it if need be; then restart the account.",
              hints=("proxy",)),
    ),
    Status.STOPPED: (
        Cause(
            "the vendor has stopped the account, because of its plan perhaps",
            "Check the plan and its limits with the vendor, then restart the account by the vendor's API.",
            hints=("plan", "payment", "billing", "limit", "trial")),
        Cause(
            "an unexpected error stopped the vendor's fetching of data",
            "Restart the account by the vendor's API; if it stops again, report it to the vendor."),
    ),
    Status.CONNECTING: (
        Cause("a catch-up is in progress", "Wait: it passes by itself."),
        Cause("the provider is down for a while", "Wait, and look at the provider's own status page."),
        Cause("the proxy is unavailable", "Check the proxy, and replace it if need be.", hints=("proxy",)),
    ),
    Status.CREATION_FAIL: (
        Cause(
            "the user mistyped the credentials, or broke off before the sign-in was complete",
            "Send the user a new link and let them start over.",
            hints=_PASSWORD),
        Cause("the provider asked for a confirmation that was not given in time",
              "Ask the user to have the app or the second factor at hand, and to start over.",
              hints=("checkpoint", "challenge", "2fa")),
    ),
}
"""Why an account can be in a status, whatever its provider."""
# fmt: on
