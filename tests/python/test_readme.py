"""What the README tells its readers to type works as it stands there."""

import contextlib
import io
import re

import pytest

from pintail_process import PASSWORD, ROOT, USER

SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_there_are_snippets():
    assert len(SNIPPETS) == 2


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["ADBC", "pyarrow"])
def test_a_snippet_prints_its_answer(server, snippet):
    # Only what differs from one server to the next: the address and the credentials.
    for written, real in [("grpc://127.0.0.1:8815", server.uri), ('"PASSWORD"', repr(PASSWORD)), ('"pintail"', repr(USER))]:
        assert written in snippet
        snippet = snippet.replace(written, real)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "README.md", "exec"), {})
    assert printed.getvalue() == "[{'answer': 42}]\n"
