"""The numbered steps lead to the tables that the code expects, once, whoever runs them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from cms.database import migrations, search
from cms.database.derived import derived
from cms.database.engine import open_engine, read, write
from cms.database.migrations import STEPS, migrate
from cms.database.tables import changes, image_homes, kept, log, tokens
from tests.conftest import both_databases
from tests.store.racing import race

Columns = dict[str, list[str]]

FAMILIES = (LargeBinary, Boolean, Float, BigInteger, Integer, Text)


def family(kind: TypeEngine[Any]) -> str:
    return next((one.__name__ for one in FAMILIES if isinstance(kind, one)), repr(kind))


def expected_shape(metadata: MetaData) -> dict[str, Any]:
    return {
        table.name: {
            "columns": [(c.name, family(c.type)) for c in table.columns],
            "nullable": {c.name for c in table.columns if c.nullable},
            "primary key": [c.name for c in table.primary_key.columns],
            "indexes": {i.name: ([c.name for c in i.columns], bool(i.unique)) for i in table.indexes},
        }
        for table in metadata.sorted_tables
    }


def actual_shape(engine: Engine) -> dict[str, Any]:
    inspector = inspect(engine)
    found = {}
    for name in inspector.get_table_names():
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        columns = inspector.get_columns(name)
        found[name] = {
            "columns": [(c["name"], family(c["type"])) for c in columns],
            # SQLite says of the key's own column that it may be null.
            "nullable": {c["name"] for c in columns if c["nullable"] and c["name"] not in key},
            "primary key": key,
            "indexes": {i["name"]: (i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(name)},
        }
    return found


def tables_there(engine: Engine) -> dict[str, Table]:
    """Those of ours that the database has, as it has them."""
    there = MetaData()
    there.reflect(engine, only=lambda name, _: name in {*kept.tables, *derived.tables})
    return dict(there.tables)


def rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    tables = tables_there(engine)
    with read(engine) as tx:
        found = {name: sorted(tuple(row) for row in tx.execute(select(table))) for name, table in tables.items()}
        found["schema_version"] = [tuple(row) for row in tx.execute(text("SELECT version FROM schema_version"))]
    return found


def fill(engine: Engine, columns: Columns | None = None, mark: str = "ក") -> None:
    """One row in every kept table that begins empty; with `columns`, in these alone."""
    values = {"Text": mark, "LargeBinary": b"\x00\xff", "Boolean": True, "Float": 0.1, "BigInteger": 1 << 40}
    if columns is not None:
        values["BigInteger"] = (1 << 40) + 1
    tables = tables_there(engine)
    with write(engine) as tx:
        for name, table in tables.items():
            if name in kept.tables and name != log.name and (columns is None or name in columns):
                wanted = [c for c in table.columns if columns is None or c.name in columns[name]]
                row = {c.name: values.get(family(c.type), 7 if columns is None else 8) for c in wanted}
                tx.execute(insert(table).values(row))


def columns_there(engine: Engine) -> Columns:
    return {name: [column.name for column in table.columns] for name, table in tables_there(engine).items()}


@both_databases
def test_the_steps_make_the_tables_that_the_code_expects(database: Engine) -> None:
    found = actual_shape(database)
    version = found.pop("schema_version")
    assert version["columns"] == [("version", "Integer")]
    # What search stands on is written in each database's own SQL; FTS5 keeps tables of its own beside it.
    of_search = {name for name in found if name.startswith((search.NAME, search.INDEX))}
    with database.connect() as connection:
        assert of_search >= search.names(connection)
    assert {name: shape for name, shape in found.items() if name not in of_search} == expected_shape(
        kept
    ) | expected_shape(derived)


@both_databases
def test_what_each_kept_table_holds_comes_back_as_it_was(database: Engine) -> None:
    fill(database)
    with read(database) as tx:
        row = tx.execute(select(changes)).one()
        token = tx.execute(select(tokens)).one()
    assert (row.seq, row.time, row.actor, row.text, row.visible_before) == (1 << 40, 0.1, "ក", b"\x00\xff", True)
    assert (token.created_at, token.expires_at) == (0.1, 0.1)


@both_databases
def test_a_new_log_begins_at_zero_with_an_epoch_of_its_own(database: Engine) -> None:
    [(number, epoch, seq)] = rows(database)["log"]
    assert (number, seq) == (1, 0)
    assert len(bytes.fromhex(epoch)) == 4


@both_databases
def test_migrating_twice_is_migrating_once(database: Engine) -> None:
    fill(database)
    before = rows(database), actual_shape(database)
    migrate(database)
    assert (rows(database), actual_shape(database)) == before
    assert before[0]["schema_version"] == [(number,) for number in range(1, len(STEPS) + 1)]


@both_databases
def test_several_that_migrate_an_empty_database_at_once_make_one_epoch(database_url: str) -> None:
    def start(_number: int) -> tuple[Any, ...]:
        engine = open_engine(database_url)
        try:
            migrate(engine)
            return rows(engine)["log"][0]
        finally:
            engine.dispose()

    found = race(4, start)
    assert len(set(found)) == 1
    engine = open_engine(database_url)
    assert rows(engine)["log"] == found[:1]
    assert rows(engine)["schema_version"] == [(number,) for number in range(1, len(STEPS) + 1)]
    engine.dispose()


@pytest.mark.parametrize("version", range(1, len(STEPS)))
@both_databases
def test_a_database_of_any_earlier_version_keeps_its_rows(
    empty: Engine, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    with monkeypatch.context() as then:
        then.setattr(migrations, "STEPS", STEPS[:version])
        migrate(empty)
    fill(empty)
    before, earlier = rows(empty), columns_there(empty)
    migrate(empty)
    after = rows(empty)
    for name in before.keys() & kept.tables.keys():
        assert [row[: len(before[name][0])] for row in after[name]] == before[name]
    assert after["schema_version"] == [(number,) for number in range(1, len(STEPS) + 1)]
    # A process of the earlier version that runs on beside this one goes on writing what it knows.
    fill(empty, earlier, "ខ")
    assert {len(rows(empty)[name]) for name in earlier.keys() & kept.tables.keys() - {log.name}} == {2}


@both_databases
def test_a_later_step_runs_once_on_top_of_the_others(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def add_a_note(tx: Connection) -> None:
        tx.execute(text("ALTER TABLE tokens ADD COLUMN note TEXT"))

    fill(database)
    before = rows(database)
    monkeypatch.setattr(migrations, "STEPS", (*STEPS, add_a_note))
    migrate(database)
    migrate(database)
    assert actual_shape(database)["tokens"]["columns"][-1] == ("note", "Text")
    after = rows(database)
    assert after.pop("schema_version") == [*before.pop("schema_version"), (len(STEPS) + 1,)]
    after["tokens"] = [row[:-1] for row in after["tokens"]]
    assert after == before


@both_databases
def test_a_step_that_fails_leaves_nothing_behind(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tx: Connection) -> None:
        tx.execute(text("CREATE TABLE half (done INTEGER)"))
        raise RuntimeError("the machine stops here")

    with monkeypatch.context() as then:
        then.setattr(migrations, "STEPS", (*STEPS, fail))
        with pytest.raises(RuntimeError):
            migrate(empty)
    assert actual_shape(empty) == {}
    migrate(empty)
    assert "log" in actual_shape(empty)


@both_databases
def test_derived_tables_that_are_missing_are_made_again(database: Engine) -> None:
    before = actual_shape(database)
    fill(database)
    with write(database) as tx:
        derived.drop_all(tx)
    migrate(database)
    assert actual_shape(database) == before
    assert len(rows(database)["tokens"]) == 1


@both_databases
def test_what_the_version_before_knew_of_sent_photos_is_kept(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its derived table says for which articles hidden photos were sent."""
    with monkeypatch.context() as then:
        then.setattr(migrations, "STEPS", STEPS[:12])
        migrate(empty)
    with write(empty) as tx:
        tx.execute(text("CREATE TABLE images_8 (path TEXT, sent_for TEXT, visible BOOLEAN)"))
        rows = [
            ("a.jpg", "src/content/news/en/x.md", False),
            ("b.jpg", None, False),
            ("c.jpg", "src/content/n/x.md", True),
        ]
        for path, sent_for, visible in rows:
            values = {"path": path, "sent_for": sent_for, "visible": visible}
            tx.execute(text("INSERT INTO images_8 VALUES (:path, :sent_for, :visible)"), values)
    migrate(empty)
    with read(empty) as tx:
        assert list(tx.execute(select(image_homes))) == [("a.jpg", "news", None)]
