"""The `p2o` command, by LightningCLI."""
