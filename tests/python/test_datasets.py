"""Datasets on a real S3 server, through both engines: the same table with the same schema, and what goes wrong."""

import contextlib
import json
import subprocess

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from conftest import adbc_connection
from object_store import KEY, KEY_ID
from pintail_process import BINARY, Server, environment, wait_until

ENGINES = ["duckdb", "datafusion"]
WRONG_KEY = "another/secret+access=key"


@pytest.fixture
def serve(s3, tmp_path):
    """Starts a server with datasets of the S3 server; `datasets` are their URLs, by name."""
    with contextlib.ExitStack() as stack:
        def serve(datasets, *arguments, key=KEY, expected=()):
            lines = s3.secret("lake", key)
            for name, url in datasets.items():
                lines += [f"[datasets.{name}]", f'url = "{url}"', 'format = "parquet"', 'secret = "lake"']
            config = tmp_path / "pintail.toml"
            config.write_text("\n".join(lines))
            server = Server("--config", str(config), *arguments)
            stack.callback(server.stop, expected)
            return server
        yield serve


@contextlib.contextmanager
def session(server, engine):
    options = {"adbc.flight.sql.session.option.pintail.engine": engine}
    with adbc_connection(server, autocommit=True, conn_kwargs=options) as connection:
        yield connection


def table(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def refusal(connection, sql):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        table(connection, sql)
    return str(caught.value)


def numbers(start, count, **columns):
    return pa.table({"n": pa.array(range(start, start + count), pa.int64()), **columns})


def sick(server, name):
    """What `pintail dataset ls` says of a dataset, once it says that it is sick."""
    def row():
        listed = subprocess.run(
            [BINARY, "dataset", "ls", "--format", "json", "--data-dir", f"{server.folder.name}/data",
             "--config", server.arguments[1]],
            env=environment(), capture_output=True, text=True, check=True)
        rows = json.loads(listed.stdout)
        return next((row for row in rows if row["name"] == name and "failed" in json.dumps(row)), None)
    return wait_until(row, f"that {name} is said to be sick")


def test_both_engines_show_the_same_table_with_partitions(s3, serve):
    for year, country in [(2023, "de"), (2023, "fr"), (2024, "de")]:
        data = numbers(year, 1000, price=pa.array([year / 7] * 1000), day=pa.array([19000] * 1000, pa.date32()))
        s3.put(f"lake/sales/year={year}/country={country}/part.parquet", data)
    server = serve({"sales": "s3://lake/sales/"})
    found = {}
    for engine in ENGINES:
        with session(server, engine) as connection:
            found[engine] = table(connection, "SELECT * FROM sales ORDER BY n, year, country")
            assert table(connection, "SELECT count(*) FROM datasets.sales WHERE year = 2023 AND country = 'fr'")[0][0].as_py() == 1000
    assert found["duckdb"].column_names == ["n", "price", "day", "year", "country"]
    assert found["duckdb"].schema.equals(found["datafusion"].schema, check_metadata=True)
    assert found["duckdb"].equals(found["datafusion"])
    assert found["duckdb"].num_rows == 3000


@pytest.mark.parametrize("engine", ENGINES)
def test_new_files_appear_with_the_next_refresh(s3, serve, engine):
    s3.put("lake/t/a.parquet", numbers(0, 10))
    server = serve({"t": "s3://lake/t/"}, "--dataset-refresh", "1s")
    with session(server, engine) as connection:
        count = lambda: table(connection, "SELECT count(*) FROM t")[0][0].as_py()
        assert count() == 10
        s3.put("lake/t/b.parquet", numbers(10, 10))
        wait_until(lambda: count() == 20, "that the new file is read")


def test_a_wrong_key_is_told_without_the_key_and_harms_no_other_dataset(s3, serve, tmp_path):
    s3.put("lake/t/a.parquet", numbers(0, 10))
    parquet.write_table(numbers(0, 5), tmp_path / "fine.parquet")
    server = serve({"t": "s3://lake/t/"}, f"--dataset=fine={tmp_path}/fine.parquet", key=WRONG_KEY,
                   expected=["dataset"])
    told = json.dumps(sick(server, "t"))
    for engine in ENGINES:
        with session(server, engine) as connection:
            told += refusal(connection, "SELECT * FROM t")
            assert table(connection, "SELECT count(*) FROM fine")[0][0].as_py() == 5
    told += "".join(server.log)
    for secret in (KEY, WRONG_KEY, KEY_ID, "Signature"):
        assert secret not in told


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bucket_that_vanishes_in_mid_query_is_an_error_and_the_session_lives_on(s3, serve, engine):
    for part in range(20):
        rows = numbers(part * 200_000, 200_000, text=pa.array([f"{part} {n}" for n in range(200_000)]))
        s3.put(f"lake/big/{part:02}.parquet", rows, row_group_size=20_000, compression="none")
    server = serve({"big": "s3://lake/big/"}, expected=["dataset"])
    with session(server, engine) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM big")
            reader = cursor.fetch_record_batch()
            reader.read_next_batch()
            s3.do("vanish lake")
            with pytest.raises(Exception) as caught:
                while True:
                    reader.read_next_batch()
            assert not isinstance(caught.value, StopIteration), "it did not end as if it were whole"
            assert "58030" in str(caught.value), caught.value
        assert table(connection, "SELECT 42 AS n")[0][0].as_py() == 42
        assert "58030" in refusal(connection, "SELECT sum(n) FROM big")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_cut_in_half_is_named_and_costs_the_others_nothing(s3, serve, engine):
    s3.put("lake/cut/a.parquet", numbers(0, 1000))
    whole = s3.put("lake/cut/b.parquet", numbers(1000, 100_000))
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    s3.put("lake/whole/a.parquet", numbers(0, 1000))
    server = serve({"cut": "s3://lake/cut/", "whole": "s3://lake/whole/"}, expected=["dataset"])
    with session(server, engine) as connection:
        error = refusal(connection, "SELECT sum(n) FROM cut")
        assert "58030" in error and "b.parquet" in error, error
        assert table(connection, "SELECT count(*) FROM whole")[0][0].as_py() == 1000


def test_ten_thousand_small_files_are_one_table(s3, serve):
    one = s3.put("lake/many/00000.parquet", numbers(7, 3)).read_bytes()
    for number in range(1, 10_000):
        (s3.root / f"lake/many/{number:05}.parquet").write_bytes(one)
    server = serve({"many": "s3://lake/many/"})
    for engine in ENGINES:
        with session(server, engine) as connection:
            found = table(connection, "SELECT count(*) AS c, sum(n)::BIGINT AS s FROM many").to_pylist()
            assert found == [{"c": 30_000, "s": 240_000}]


def test_an_unchanged_dataset_costs_no_request_at_refresh(s3, serve, tmp_path):
    s3.put("lake/t/a.parquet", numbers(0, 10))
    parquet.write_table(numbers(0, 5), tmp_path / "local.parquet")
    server = serve({"t": "s3://lake/t/"}, "--dataset-refresh", "1s")
    with session(server, "duckdb") as connection:
        assert table(connection, "SELECT count(*) FROM t")[0][0].as_py() == 10
        s3.do("requests")
        # Files of the server's own disk are added and seen, one after the other, which takes a refresh each.
        for name in ("u", "v", "w"):
            subprocess.run([BINARY, "dataset", "add", name, tmp_path / "local.parquet", "--data-dir",
                            f"{server.folder.name}/data", "--config", server.arguments[1]], env=environment(), check=True)

            def seen():
                with contextlib.suppress(adbc_driver_manager.Error):
                    return table(connection, f"SELECT count(*) FROM {name}")[0][0].as_py() == 5
            wait_until(seen, f"that {name} is seen")
        assert s3.do("requests") == {}
        assert table(connection, "SELECT count(*) FROM t")[0][0].as_py() == 10
