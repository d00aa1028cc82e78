"""The server's log shows addresses but no tokens."""

import logging

import pytest

from fer.server.logs import LOGGER, hide_tokens
from tests.server.server import heard, site


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/ws/live?token=lesson-one.18.abc_-D", "/ws/live?token=..."),
        ("/ws/live?a=1&token=x.y.z&b=2", "/ws/live?a=1&token=...&b=2"),
        ("/ws/live?token=a&token=b", "/ws/live?token=...&token=..."),
        ("/ws/live?token=%20%22x", "/ws/live?token=..."),
        ("/ws/live?token=", "/ws/live?token="),
        ("/ws/live?mytoken=kept", "/ws/live?mytoken=kept"),
    ],
)
def test_tokens_are_hidden(path: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    hide_tokens()
    with caplog.at_level(logging.INFO, LOGGER):
        logging.getLogger(LOGGER).info('%s - "WebSocket %s" %d', "127.0.0.1:5", path, 403)
        logging.getLogger(LOGGER).info("no words to fill in: token=x")
    assert caplog.messages[0] == f'127.0.0.1:5 - "WebSocket {shown}" 403'
    assert len(caplog.messages) == 2


def test_a_real_servers_log_shows_no_token(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), site() as served:
        token = served.state.issue_token(None)[1]
        with served.connect(token=token) as client:
            heard(client)
    ours = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert any("/ws/live?token=..." in line for line in ours)
    assert not any(token in line for line in ours)


def test_a_second_call_adds_no_filter() -> None:
    hide_tokens()
    before = len(logging.getLogger(LOGGER).filters)
    hide_tokens()
    assert len(logging.getLogger(LOGGER).filters) == before
