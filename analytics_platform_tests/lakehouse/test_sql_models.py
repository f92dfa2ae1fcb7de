"""SQL models: the rules of the house, lineage, portability, and what they give on empty tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import SqlModel, SqlModelError, load_sql_models
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform_tests.lakehouse.shapes import BY_VENDOR, PLAIN

MODELS = load_sql_models(SQL_ROOT, TABLES)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.table.full_name)

HEADER = f"-- {PLAIN.comment}\n-- owner: {PLAIN.owner}\n"
GOOD = "select number, 'x' as word from play.by_vendor"


def load(folder: Path, text: str, name: str = "play/plain") -> list[SqlModel]:
    file = folder / f"{name}.sql"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return load_sql_models(folder, [PLAIN, BY_VENDOR])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD, r'its first line must be the declared comment: "-- One row per number\."'),
        (f"-- Numbers.\n{GOOD}", "its first line must be the declared comment"),
        (f"-- {PLAIN.comment}\n{GOOD}", 'its header must name the declared owner once: "-- owner: team:data"'),
        (f"-- {PLAIN.comment}\n-- owner: me\n{GOOD}", "its header must name the declared owner once"),
        (HEADER, "must be one select"),
        (f"{HEADER}{GOOD};\n{GOOD}", "must be one select"),
        (f"{HEADER}drop table play.plain", "must be one select"),
        (f"{HEADER}{GOOD};", "must not end with a semicolon"),
        (f"{HEADER}select number from play.by_vendor", r"selects \['number'\], but .* declares \['number', 'word'\]"),
        (f"{HEADER}select * from play.by_vendor", r"selects \['\*'\], but"),
        (f"{HEADER}select number, word from play.nowhere", r"reads play\.nowhere, which no room declares"),
        (f"{HEADER}select number, word from nowhere", "reads nowhere, which no room declares"),
        (f"{HEADER}select number, word from read_parquet('x')", "reads .*'x'.*, which no room declares"),
    ],
)
def test_each_broken_rule_has_its_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SqlModelError, match=rf"play\.plain: {message}"):
        load(tmp_path, text)


def test_a_file_without_declaration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SqlModelError, match=r"other\.sql: no table play\.other is declared in any room's tables\.py"):
        load(tmp_path, HEADER + GOOD, "play/other")


def test_macros_and_queries_are_no_models(tmp_path: Path) -> None:
    assert load(tmp_path, "anything", "queries/fans") == []


def test_layout_and_comments_change_no_version_and_the_query_does(tmp_path: Path) -> None:
    def version(name: str, text: str) -> str:
        (model,) = load(tmp_path / name, HEADER + text)
        return model.code_version

    first = version("a", GOOD)
    assert version("b", f"-- why\n{GOOD.replace(' from', '/* how */ from')} -- the end\n") == first
    assert version("c", GOOD.replace("'x'", "'y'")) != first


def test_dependencies_leave_out_the_querys_own_parts(tmp_path: Path) -> None:
    (model,) = load(tmp_path, f"{HEADER}with plain as ({GOOD}) select number, word from plain")
    assert model.depends_on == (BY_VENDOR,)
    assert model.lineage == {"number": [("play.by_vendor", "number")], "word": []}


@each_model
def test_a_description_is_prose(model: SqlModel) -> None:
    assert model.description.startswith(model.table.comment)
    assert "owner:" not in model.description


@each_model
def test_lineage_names_declared_columns_only(model: SqlModel) -> None:
    declared = {(table.full_name, column.name) for table in model.depends_on for column in table}
    assert list(model.lineage) == [column.name for column in model.table]
    found = {source for sources in model.lineage.values() for source in sources}
    assert found
    assert found <= declared


@each_model
def test_a_model_gives_its_declared_columns_on_empty_tables(model: SqlModel, tmp_path: Path) -> None:
    """Types that the query gives by itself, before the lake casts them: other engines have no such cast."""
    with Lake(tmp_path).connect(*model.depends_on) as connection:
        connection.execute(f"create table made as {model.sql}")
        made = connection.execute("select column_name, data_type from duckdb_columns() where table_name = 'made'")
        assert made.fetchall() == [(column.name, column.type) for column in model.table]
        assert find_violations(connection, model.table, "made") == []


LISTS_AND_STRUCTS = (exp.Array, exp.ArrayAgg, exp.Explode, exp.Lateral, exp.Lambda, exp.Struct, exp.Unnest, exp.ToMap)
SUMS = (exp.Sum, exp.Avg)


@each_model
def test_a_model_is_portable_sql(model: SqlModel) -> None:
    """Spark and the warehouses must be able to run the models: what DuckDB alone knows is left out."""
    tree = sqlglot.parse_one(model.sql, read="duckdb")
    name = model.table.full_name
    assert not [g for g in tree.find_all(exp.Group) if g.args.get("all")], f"{name}: group by all"
    assert not list(tree.find_all(exp.Star)) or all(
        isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)
    ), f"{name}: select *"
    assert not list(tree.find_all(*LISTS_AND_STRUCTS)), f"{name}: lists or structs"
    assert not tree.args.get("order"), f"{name}: a table has no order"
    for window in tree.find_all(exp.Window):
        for ordered in window.find_all(exp.Ordered):
            assert ordered.sql("duckdb").lower().split()[-1] in ("asc", "desc") or _is_spelled(model.sql, ordered)
    for aggregate in tree.find_all(*SUMS):
        # The type of a sum differs between engines (DuckDB: HUGEINT).
        assert aggregate.find_ancestor(exp.Cast), f"{name}: {aggregate.sql('duckdb')} needs a cast"
    (spark,) = sqlglot.transpile(model.sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    sqlglot.parse_one(spark, read="spark")


def _is_spelled(sql: str, ordered: exp.Ordered) -> bool:
    """sqlglot leaves out `asc`, which is the default: look for it in the text."""
    return f"{ordered.this.sql('duckdb')} asc" in " ".join(sql.split())


def test_every_sql_file_is_a_model_of_a_declared_table() -> None:
    files = {f"{path.parent.name}.{path.stem}" for path in SQL_ROOT.glob("*/*.sql")}
    models = {model.table.full_name for model in MODELS}
    assert models == {name for name in files if not name.startswith(("macros.", "queries."))}


def test_macros_parse() -> None:
    with duckdb.connect() as connection:
        for path in sorted((SQL_ROOT / "macros").glob("*.sql")):
            assert connection.extract_statements(path.read_text()), path.name
