"""All definitions: they load, fast and light, and every asset is described under one name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from analytics_platform.orchestration.build import SQL_ROOT, TABLES, build_defs
from analytics_platform.orchestration.metadata import asset_key, column_schema
from analytics_platform.orchestration.partitions import CLIP_BATCHES
from analytics_platform.orchestration.publish_asset import ANALYTICS_DUCKDB
from analytics_platform.orchestration.workers import DASK_TAG, GPU_POOL, KUBERNETES_TAG
from analytics_platform.streams.tables import ERASURES
from analytics_platform.taste.play_counts.tables import PLAY_COUNT_SCORES
from analytics_platform_tests.orchestration.homes import make_settings


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_defs(make_settings(tmp_path_factory.mktemp("definitions")))


BY_HAND = {asset_key(PLAY_COUNT_SCORES).to_user_string()}
"""A study, and no part of what is kept up to date."""


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_definitions_are_loadable(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_building_them_writes_nothing(tmp_path: Path) -> None:
    build_defs(make_settings(tmp_path / "home"))
    assert not (tmp_path / "home").exists()


LOAD = """
import sys, time
begun = time.perf_counter()
from analytics_platform.definitions import defs
assert defs().resolve_all_asset_specs()
seconds = time.perf_counter() - begun
heavy = {"torch", "librosa", "sklearn", "numba", "matplotlib", "streamlit", "scipy"} & set(sys.modules)
print(f"{seconds:.2f}", *sorted(heavy))
"""


def test_they_load_fast_and_without_heavy_packages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The promise is 3 s on a quiet machine; the bound here only finds a package that came in by accident."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path
    )
    seconds, *heavy = done.stdout.split()
    with capsys.disabled():
        print(f"\nthe definitions load in {seconds} s")
    assert heavy == []
    assert float(seconds) < 20


def test_every_table_is_one_asset_and_the_sql_lies_under_its_name(definitions: dg.Definitions) -> None:
    keys = set(specs(definitions))
    assert keys == {asset_key(table).to_user_string() for table in TABLES} | {ANALYTICS_DUCKDB.to_user_string()}
    files = {path.relative_to(SQL_ROOT).with_suffix("").as_posix() for path in SQL_ROOT.glob("*/*.sql")}
    assert {name for name in files if not name.startswith(("macros/", "queries/"))} <= keys
    names = [table.full_name for table in TABLES]
    assert len(set(names)) == len(names)


def test_every_asset_is_described(definitions: dg.Definitions) -> None:
    declared = {asset_key(table).to_user_string(): table for table in TABLES}
    for name, spec in specs(definitions).items():
        assert spec.description, name
        assert spec.owners, name
        assert spec.group_name, name
        assert 1 <= len(spec.kinds) <= 3, name
        if name in declared:
            table = declared[name]
            assert spec.description.startswith(table.comment), name
            assert spec.metadata["dagster/column_schema"] == column_schema(table), name
            assert spec.metadata["dagster/table_name"] == table.full_name, name
            assert spec.group_name == table.schema, name


def test_every_table_has_its_blocking_check(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for table in TABLES:
        if table is ERASURES:
            continue  # written by a command, not by a run
        check = graph.get(dg.AssetCheckKey(asset_key(table), "declared"))
        assert check.blocking, table.full_name


def test_what_runs_by_itself_has_no_days_and_what_has_days_comes_with_the_ingestion(
    definitions: dg.Definitions,
) -> None:
    job = definitions.resolve_job_def("ingest")
    ingested = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    for name, spec in specs(definitions).items():
        if spec.partitions_def == CLIP_BATCHES:
            assert spec.automation_condition is not None, f"a new batch would wait for {name}"
        elif isinstance(spec.partitions_def, dg.StaticPartitionsDefinition):
            assert spec.automation_condition is None, f"a person starts {name}: it takes hours"
        elif spec.partitions_def is not None:
            assert name in ingested
            assert spec.automation_condition is None
        elif name in BY_HAND:
            assert spec.automation_condition is None
            assert "A person starts it" in str(spec.description)
        elif name not in ingested | {ANALYTICS_DUCKDB.to_user_string(), asset_key(ERASURES).to_user_string()}:
            assert spec.automation_condition is not None, f"nothing would ever make {name}"


def test_the_ingestion_brings_whatever_its_daily_tables_look_up(definitions: dg.Definitions) -> None:
    """Daily tables are not made again when a table without days is: what they read must be fresh in the same run."""
    graph = definitions.resolve_asset_graph()
    job = definitions.resolve_job_def("ingest")
    selected = set(job.asset_layer.selected_asset_keys)
    for key in selected:
        assert graph.get(key).parent_keys <= selected, key.to_user_string()


def gpu_steps(definitions: dg.Definitions) -> dict[str, dg.OpDefinition]:
    """The ops whose assets rest on nets, by name: found by the kind that the page shows."""
    graph = definitions.resolve_asset_graph()
    keys = {spec.key for spec in specs(definitions).values() if "pytorch" in spec.kinds}
    found = [node.assets_def for node in map(graph.get, keys)]
    return {assets.op.name: assets.op for assets in found if isinstance(assets.op, dg.OpDefinition)}


def test_every_step_with_nets_asks_for_a_gpu_wherever_it_runs(definitions: dg.Definitions) -> None:
    steps = gpu_steps(definitions)
    assert "embed_clips" in steps
    for name, op in steps.items():
        assert op.pool == GPU_POOL, name
        assert json.loads(op.tags[DASK_TAG]) == {"GPU": 1}, name
        config = json.loads(op.tags[KUBERNETES_TAG])
        assert config["container_config"]["resources"]["limits"]["nvidia.com/gpu"] == "1", name
        # What dagster-k8s 0.29.27 takes; it refuses other keys when the step starts.
        assert set(config) <= {
            "container_config",
            "pod_spec_config",
            "pod_template_spec_metadata",
            "job_config",
            "job_metadata",
            "job_spec_config",
            "merge_behavior",
        }, name


def test_no_other_step_takes_a_gpu_from_them(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        op = graph.get(key).assets_def.op
        if op.name not in gpu_steps(definitions):
            assert op.pool != GPU_POOL, op.name
            assert not {DASK_TAG, KUBERNETES_TAG} & set(op.tags), op.name


@pytest.mark.parametrize("executor", ["in_process", "multiprocess", "dask"])
def test_the_executor_is_a_setting(executor: str, tmp_path: Path) -> None:
    chosen = build_defs(make_settings(tmp_path, executor=executor)).executor
    assert isinstance(chosen, dg.ExecutorDefinition)
    assert chosen.name == executor


def test_sensors_and_schedules_are_on_from_the_start(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {s.name: s.default_status.value for s in repository.sensor_defs} == {
        "automation": "RUNNING",
        "catalogue": "RUNNING",
        "inbox": "RUNNING",
        "unreleased": "RUNNING",
    }
    assert {s.name: s.default_status.value for s in repository.schedule_defs} == {
        "catalogue_daily": "RUNNING",
        "publish_daily": "RUNNING",
        "maintain_weekly": "RUNNING",
    }


def test_the_specs_are_as_recorded(definitions: dg.Definitions, snapshot: SnapshotAssertion) -> None:
    """A change of a key, dependency or group shows in the diff: `pytest --snapshot-update` records it."""
    graph = definitions.resolve_asset_graph()
    shown: dict[str, Any] = {}
    for name, spec in sorted(specs(definitions).items()):
        shown[name] = {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "checks": sorted(key.name for key in graph.get(spec.key).check_keys),
            "partitioned": spec.partitions_def is not None,
            "automation": spec.automation_condition and spec.automation_condition.get_label(),
        }
    assert shown == snapshot(extension_class=JSONSnapshotExtension)
