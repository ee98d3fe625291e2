from p2o.seeds import derive_seed


def test_seeds_are_the_same_in_every_process_and_version():
    # a literal: a change here would break the resume of every run out there
    assert derive_seed(0, "rollout", 3, "q1", 5) == 6115631659373815248


def test_every_name_matters():
    seeds = {derive_seed(s, n, k) for s in range(5) for n in ("a", "b", "1") for k in range(20)}
    assert len(seeds) == 5 * 3 * 20
    assert derive_seed(0, "1", 2) != derive_seed(0, 1, 2) != derive_seed(0, "12")
    assert all(0 <= seed < 2**63 for seed in seeds)
