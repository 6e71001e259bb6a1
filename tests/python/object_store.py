"""A real S3 server."""

import json
import subprocess

from pyarrow import parquet

from pintail_process import BINARY

KEY_ID, KEY = "AKIDPINTAILTESTS", "a/secret+access=key"


class S3:
    """A `pintail-test-s3` process over a folder whose folders are its buckets."""

    def __init__(self, root):
        self.root = root
        self.process = subprocess.Popen(
            [BINARY.with_name("pintail-test-s3"), root, KEY_ID, KEY],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.endpoint = json.loads(self.process.stdout.readline())["endpoint"]

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def put(self, key, table, **options):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path, **options)
        return path

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def secret(self, name, key=KEY):
        """The lines of a configuration file that make a secret for it."""
        options = {"type": "s3", "access_key_id": KEY_ID, "secret_access_key": key, "endpoint": self.endpoint, "allow_http": "true",
                   "region": "eu-central-1"}
        return [f"[secrets.{name}]", *(f"{option} = {json.dumps(value)}" for option, value in options.items())]
