"""Environment and paths, read once."""

from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_HOME = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Where things lie. Each field is set by the environment variable `WSEXPLORE_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="WSEXPLORE_")

    data: Path | None = None
    """Folder with real data sets: `mnist/`, `fashion-mnist/`, `kmnist/`, `usps/`, `cifar-10-batches-bin/`."""
    home: Path = _HOME
    """Folder with `data/`, what ships with the project."""
    user: Path = _HOME / "zoos"
    """Folder for what a user keeps from the app."""
    cache: Path = user_cache_path("wsexplore")
    """Folder for downloads."""
    serve_token: SecretStr | None = None
    """What callers of `wsexplore serve` must know; without it, only this machine is served."""

    @property
    def data_dir(self) -> Path:
        """What ships: zoos/, alignments/, projections/, flows/, encoders/."""
        return self.home / "data"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
