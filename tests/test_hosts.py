from fer.hosts import is_local


def test_what_is_local() -> None:
    assert is_local("127.0.0.1") and is_local("::1") and is_local("LOCALHOST")
    assert not is_local("0.0.0.0") and not is_local("10.0.0.1") and not is_local("a.example")
