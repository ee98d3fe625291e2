"""Two sizes: the suite's, always on the same inputs; and `make fuzz`, on more and other ones each night."""

from hypothesis import HealthCheck, Phase, settings

EVERY = {
    "deadline": None,  # of one case: other work keeps machines busy; pytest's timeout finds what hangs
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    "print_blob": True,
    # Shrinking stays, for a small input says more; explaining which parts matter runs each failure many times more.
    "phases": [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
}
settings.register_profile("suite", derandomize=True, database=None, **EVERY)
settings.register_profile("nightly", **EVERY)
settings.load_profile("suite")
