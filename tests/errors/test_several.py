from jupyter_jobs.errors.several import reasons_of


def test_a_reason_is_told_once_with_the_items_that_it_is_for() -> None:
    refused = {0: ValueError("too long"), 2: ValueError("empty"), 3: ValueError("too long")}

    assert reasons_of(refused) == "items 0, 3: too long; item 2: empty"


def test_of_many_reasons_and_items_the_first_are_told() -> None:
    of_one = reasons_of({number: ValueError("empty") for number in range(1_007)})
    of_five = reasons_of({number: ValueError(f"reason {number}") for number in range(5)})

    assert of_one == "items 0, 1, 2, 3, 4 and 1,002 more: empty"
    assert of_five == "item 0: reason 0; item 1: reason 1; item 2: reason 2; and 2 other reasons"
