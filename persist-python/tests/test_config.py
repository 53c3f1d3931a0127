"""From where a store is opened, and where its plugins come from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import persist_agents
import pytest
from persist_agents import AsyncStore, InvalidInputError, NotFoundError, PluginError, Store

PLUGINS = Path(persist_agents.__file__).parent / "plugins"


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process whose environment says nothing, in a directory with nothing in it."""
    for variable in ("PERSIST_CONFIG", "PERSIST_STORE", "PERSIST_PLUGIN_PATH", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def write_config(path: Path, *, extra: str = "") -> Path:
    path.write_text(
        f"""
        default = "main"
        {extra}
        [stores.main]
        storage = {{ adapter = "local", root = "{path.parent}/main" }}
        retention = {{ keep_last = 1 }}
        [stores.other]
        storage = {{ adapter = "local", root = "{path.parent}/other" }}
        compression = {{ adapter = "zstd" }}
        """
    )
    return path


def test_a_config_is_named_or_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path / "mine.toml")
    with Store.open(config) as store:
        store.save("a", "s", "main")
    with Store.open(str(config), "other") as store:
        assert store.save("a", "s", "other").codec == "zstd"
    monkeypatch.setenv("PERSIST_CONFIG", str(config))
    with Store.open() as store:
        assert store.restore("a", "s") == "main"
    monkeypatch.setenv("PERSIST_STORE", "other")
    with Store.open() as store:
        assert store.restore("a", "s") == "other"
    with Store.open(store="main") as store:
        assert store.restore("a", "s") == "main"
    with pytest.raises(NotFoundError):
        Store.open(store="third")
    with pytest.raises(InvalidInputError):
        Store.open(tmp_path / "nothing.toml")


def test_without_a_config_there_is_a_store(tmp_path: Path) -> None:
    with Store.open() as store:
        store.save("a", "s", 1)
    assert (tmp_path / "data" / "persist").is_dir()


def test_the_configs_keep_rules_count(tmp_path: Path) -> None:
    with Store.open(write_config(tmp_path / "mine.toml")) as store:
        for step in range(3):
            store.save("a", "s", step)
        assert store.prune("a", "s", dry_run=True)["delete"] == [0, 1]
        assert store.prune("a", "s", keep_last=2)["delete"] == [0]


async def open_async(config: Path) -> str:
    store = await AsyncStore.open(config, "other")
    async with store:
        await store.save("a", "s", "async")
        return (await store.show("a", "s")).codec or "none"


def test_the_asyncio_store_opens_configs_too(tmp_path: Path) -> None:
    import asyncio

    assert asyncio.run(open_async(write_config(tmp_path / "mine.toml"))) == "zstd"


def test_options_are_checked(tmp_path: Path) -> None:
    bad: list[dict[str, Any]] = [
        {"storage": {}},
        {"storage": {"adapter": "local"}},
        {"storage": {"adapter": "local", "root": str(tmp_path), "colour": "red"}},
        {"storage": {"adapter": "memory"}, "layout": {"no_such_key": 1}},
        {"storage": {"adapter": "memory", "x": {1, 2}}},
    ]
    for options in bad:
        with pytest.raises(InvalidInputError):
            Store(**options)
    with pytest.raises(PluginError) as caught:
        Store(storage={"adapter": "floppy"})
    assert caught.value.exit_code == 6
    with Store(storage={"adapter": "local", "root": tmp_path / "p"}, compression=None, call_timeout=None) as store:
        assert store.save("a", "s", 1).codec is None
    with Store(storage={"adapter": "memory"}, compression={"adapter": "zstd", "level": 3}) as store:
        assert store.save("a", "s", 1).codec == "zstd"


def test_every_standard_codec_is_there() -> None:
    for codec in ("gzip", "zstd", "lz4", "brotli"):
        with Store(storage={"adapter": "memory"}, compression={"adapter": codec}) as store:
            assert store.save("a", "s", {"x": [1] * 100}).codec == codec
            assert store.restore("a", "s") == {"x": [1] * 100}


def test_own_plugins_come_before_the_packages(tmp_path: Path) -> None:
    mine = tmp_path / "plugins"
    mine.mkdir(mode=0o755)
    name = "libpersist_storage_memory.so"
    shutil.copy(PLUGINS / name, mine / name)
    (mine / name).chmod(0o755)
    with Store(storage={"adapter": "memory"}, plugin_path=[mine]) as store:
        store.save("a", "s", 1)
    # A plugin that is damaged is refused, not passed over in silence; the next one of that name serves.
    (mine / name).unlink()
    (mine / name).write_bytes(b"\x7fELF nothing more")
    with Store(storage={"adapter": "memory"}, plugin_path=[mine]) as store:
        store.save("a", "s", 1)
    with pytest.raises(PluginError) as caught:
        Store(storage={"adapter": "floppy"}, plugin_path=[mine])
    assert str(mine) in str(caught.value)


def test_the_configs_trust_policy_counts(tmp_path: Path) -> None:
    config = write_config(tmp_path / "mine.toml", extra="[plugins]\nrequire_lock = true")
    with pytest.raises(PluginError) as caught:
        Store.open(config)
    assert "lock" in str(caught.value)
