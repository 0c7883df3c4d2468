"""Makes the wheel one of a platform where it holds the shared library; its tag says nothing of Python's version.

Without the library it stays pure, and finds one that is installed.
"""

import os
import pathlib

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags


class CustomBuildHook(BuildHookInterface):
    """Sets the tag. `auditwheel repair` makes a manylinux one of it, after a look at the library's symbols."""

    def initialize(self, version, build_data):
        """Called by hatchling before a wheel is made."""
        has_library = any(pathlib.Path(self.root, "src", "ckafka").glob("libckafka.so.*"))
        if version == "editable" or self.target_name != "wheel" or not has_library:
            return
        plain = (tag for tag in platform_tags() if "manylinux" not in tag and "musllinux" not in tag)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{os.environ.get('CKAFKA_WHEEL_PLATFORM') or next(plain)}"
