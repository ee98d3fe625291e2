from p2o.evaluation.student import student_quantile


def test_quantiles_are_those_of_the_tables():
    found = {degrees: round(student_quantile(degrees), 3) for degrees in (1, 2, 3, 4, 12, 1000)}
    assert found == {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 12: 2.179, 1000: 1.962}


def test_degrees_of_freedom_need_not_be_whole():
    assert student_quantile(3) > student_quantile(3.5) > student_quantile(4)
