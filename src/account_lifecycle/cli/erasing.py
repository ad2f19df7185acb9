"""``account erase``: an account's payloads and names, gone for good.

Knows what has to be asked before; what there is to erase, the store knows.
"""

import click

from ..report.words import counted, printable
from .commands import Command, NotFound
from .consent import ask, yes_option
from .opening import open_to_read
from .options import json_option, store_option
from .output import say, write_json


@click.command(
    cls=Command,
    short_help="Erase an account's payloads and names for good",
    examples=[
        ("Erase what came in about an account", "account-lifecycle account erase h_EKCy2lRLef5NzHp0iw4A"),
        ("The same from a program, without a question", "account-lifecycle account erase acc_1 --yes --json"),
    ],
)
@click.argument("account_id")
@yes_option
@json_option
@store_option
def erase(account_id: str, is_agreed: bool, as_json: bool, store: str | None) -> None:
    """Erase an account's payloads and names for good, also from the quarantine.

    Its events stay, with their verdicts: digests stand for what was erased, so the ledger still verifies.
    Backups and archives that were made before keep what they have: erase those too.
    """
    with open_to_read(store) as engine:
        is_known = engine.account(account_id) is not None
        ask(f"Erase the payloads and names of account {printable(account_id)} for good?", is_agreed)
        erased = engine.erase_account(account_id)
    if not (is_known or erased):
        raise NotFound(f"nothing was ever fed for the account {account_id!r}. See: account-lifecycle account list")
    if as_json:
        write_json({"account_id": account_id, "erased_payloads": erased})
    else:
        say(f"{counted(erased, 'payload')} erased; the events stay, without them")
