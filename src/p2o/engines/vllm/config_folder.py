"""The folder from which vLLM reads a model's config."""

import os
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from transformers import PreTrainedConfig

from p2o.errors import InputError
from p2o.io.files import replacing


def config_folder(config: PreTrainedConfig) -> Path:
    """A folder that holds a config and nothing else, the same in every run of a user on this machine.

    vLLM finds the code that it has compiled by the path of the model, among others: a random one would never be found.
    The folder stays, a few kilobytes.

    Raises:
        InputError: Somebody else could write there.
    """
    with tempfile.TemporaryDirectory(prefix="p2o-config-") as made:
        config.save_pretrained(made)
        files = {path.name: path.read_bytes() for path in sorted(Path(made).iterdir())}
    name = sha256(b"\0".join(part for file, content in files.items() for part in (file.encode(), content))).hexdigest()
    folder = _own_folder() / name
    folder.mkdir(exist_ok=True)
    for file, content in files.items():
        path = folder / file
        if not path.exists() or path.read_bytes() != content:  # cut off, or removed with what is old
            with replacing(path) as part:
                part.write_bytes(content)
    return folder


def _own_folder() -> Path:
    """A place below the temporary folder that only this user can write to: its name can be guessed."""
    folder = Path(tempfile.gettempdir()) / f"p2o-vllm-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InputError(
            f"{folder}: expected a folder of this user that nobody else may write to, it is something else. Remove it, "
            "or set TMPDIR to another folder."
        )
    return folder
