"""``config show``: which settings are in force, and where each comes from."""

from cli.shell import Run


def test_every_setting_tells_where_it_comes_from(run: Run) -> None:
    told = run("config", "show", "--batch-size", "7", "--json", ACCOUNT_LIFECYCLE_REDELIVERY_WINDOW_S="60").document
    assert {name: (row["value"], row["source"]) for name, row in told.items()} == {
        "store": ("sqlite:///account-lifecycle.db", "default"),
        "redelivery_window_s": ("60", "environment"),
        "deadlines": ("{}", "default"),
        "batch_size": ("7", "option"),
    }


def test_an_option_wins_over_the_environment(run: Run) -> None:
    told = run("config", "show", "--store", "memory:", "--json", ACCOUNT_LIFECYCLE_STORE="sqlite:///other.db").document
    assert (told["store"]["value"], told["store"]["source"]) == ("memory:", "option")


def test_people_see_the_variable_that_sets_each(run: Run) -> None:
    rows = [line.split() for line in run("config", "show").out.splitlines()]
    assert rows[0] == ["setting", "from", "variable", "value"]
    assert ["batch_size", "default", "ACCOUNT_LIFECYCLE_BATCH_SIZE", "1000"] in rows


def test_a_password_is_not_shown(run: Run) -> None:
    out = run("config", "show", "--store", "postgresql://me:s3cret@host/db").out
    assert "postgresql://me:***@host/db" in out


def test_a_misspelt_variable_is_told(run: Run) -> None:
    ran = run("config", "show", ACCOUNT_LIFECYCLE_BATCHSIZE="7")
    assert ran.err == "ACCOUNT_LIFECYCLE_BATCHSIZE is set, but there is no such setting\n"


def test_a_bad_setting_is_a_usage_error_that_names_it(run: Run) -> None:
    ran = run("account", "list", ACCOUNT_LIFECYCLE_BATCH_SIZE="many")
    assert ran.code == 2
    assert ran.err == "Error: ACCOUNT_LIFECYCLE_BATCH_SIZE: found 'many'; expected a whole number from 1 to 100000\n"
