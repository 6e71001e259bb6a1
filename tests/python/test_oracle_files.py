"""The types that files hold: both engines read the same file, and both clients get what DuckDB reads in this process."""

import pytest

import oracle_page
from oracle_types import NESTED, TYPES, nested_columns
from pintail_process import Server
from test_oracle import generated, opened

ENGINES = ["duckdb", "datafusion"]
# Types that Parquet has, or has a counterpart of that both engines take for the same type: milliseconds are read as
# microseconds by DuckDB, and as what they are by DataFusion where no dataset says otherwise.
IN_PARQUET = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT",
    "DOUBLE", "DECIMAL(4,1)", "DECIMAL(9,4)", "DECIMAL(18,6)", "DECIMAL(38,10)", "VARCHAR", "BLOB", "DATE", "TIME",
    "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
]
# Parquet has no arrays of a fixed size, and no unions.
SHAPES = ("{T}[]", 'STRUCT(a {T}, "b c" {T}[])', "MAP(INTEGER, {T})", "{T}[][]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module", params=ENGINES)
def reader(request, folder):
    server = Server("--engine", request.param, allow_files=[folder])
    try:
        # DataFusion has no transactions.
        with opened(server, autocommit=True) as oracle:
            yield request.param, oracle
    finally:
        server.stop()


def read(reader, sql, file):
    """Writes the rows of a query to a file, and compares what the server reads of it."""
    engine, oracle = reader
    oracle.local.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
    local = f"SELECT * FROM '{file}'"
    if engine == "duckdb":
        return oracle.check(local)
    create = f"CREATE EXTERNAL TABLE IF NOT EXISTS {file.stem} STORED AS PARQUET LOCATION '{file}'"
    for client in oracle_page.CLIENTS:
        oracle.arrow(client, create)
    return oracle.check(local, f"SELECT * FROM {file.stem}")


@pytest.mark.parametrize("name", IN_PARQUET)
def test_the_values_of_a_file_are_the_same_through_each_engine(reader, folder, name):
    tested = next(tested for tested in TYPES if tested.name == name)
    values = generated(folder, tested)
    number = IN_PARQUET.index(name)
    counts = read(reader, f"SELECT n, v FROM {values}", folder / f"scalars_{reader[0]}_{number}.parquet")
    assert set(counts.values()) == {len(tested.texts(0))}

    rows = (f"SELECT n::INTEGER AS n, v, lead(v) OVER (ORDER BY n) AS v1, lead(v, 2) OVER (ORDER BY n) AS v2 "
            f"FROM {values} WHERE n < {NESTED}")
    wanted = [shape.format(T=name) for shape in SHAPES]
    shapes = ", ".join(f"{made} AS c{column}" for column, (shape, made) in enumerate(nested_columns(name))
                       if shape in wanted)
    read(reader, f"SELECT n, {shapes} FROM ({rows})", folder / f"nested_{reader[0]}_{number}.parquet")
