"""The command line of `p2o configs`."""

import textwrap
from collections.abc import Sequence

from p2o.cli.parser import OneMessage
from p2o.commands.shipped import PREFIX, folder, names, summary
from p2o.io.pipes import until_read

HEADINGS = {
    "configs": "configs, for `p2o fit --config NAME`; lay those in a folder over another: --config NAME --config NAME",
    "studies": "studies, for `p2o compare NAME`",
}


def configs_command(words: Sequence[str]) -> None:
    """Lists the configs and studies that come with p2o; `p2o init NAME my.yaml` copies a config, to change it."""
    OneMessage("p2o configs", description=configs_command.__doc__).parse_args(list(words))
    with until_read():
        for kind, heading in HEADINGS.items():
            print(f"{heading}\n")
            width = max(map(len, names(kind))) + len(PREFIX) + 2
            for name in names(kind):
                told = textwrap.shorten(summary(folder(kind) / f"{name}.yaml"), 110 - width, placeholder=" …")
                print(f"  {PREFIX + name:<{width}}{told}")
            print()
