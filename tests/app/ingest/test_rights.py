"""What licences let us do."""

from __future__ import annotations

import pytest

from app.ingest.rights import forbidding_sentence

FORBID = [
    "The data may not be redistributed.",
    "Redistribution of these files is strictly prohibited.",
    "No redistribution.",
    "Do not distribute this data.",
    "For internal use only.",
    "These data are proprietary.",
    "It is not permitted to redistribute the data.",
    "You are not allowed to redistribute the data.",
    "The files must not be redistributed or shared.",
    "Redistribution is not allowed without permission of the collaboration.",
    "Redistribution of the data, in whole or in part, is forbidden.",
    "The files cannot be redistributed.",
    "Any redistribution without written consent is prohibited.",
    "redistribution prohibited",
    "not for redistribution",
    "The data shall not be copied or transferred to third parties.",
    "Please don't share these files",
    "We do not allow redistribution.",
    "This licence does not permit redistribution.",
    "Confidential",
    "Copyright 2020 X. All rights reserved.",
    "The data\nmay not\nbe redistributed.",
]
PERMIT = [
    "",
    "Redistribution is permitted.",
    "You may redistribute the data provided you cite it.",
    "The data may be redistributed.",
    "These terms of use must be included in all copies in full or part of the data.",
    "It is not allowed to use the data outside of this scope e.g. to make any claim on the source.",
    "No scientific publications may be derived from the data.",
    "The data may not be redistributed without this licence text.",
    "Redistribution is not prohibited.",
    "The data are not proprietary.",
    "The proprietary period is over.",
    "All rights reserved. Redistribution and use in source and binary forms are permitted.",
    "The data are distributed as FITS files.",
    "You must not remove this notice from copies.",
    "The PSF distribution is not allowed to vary.",
    "The distribution of offsets is not flat.",
    "free to redistribute",
    "This work is licensed under CC BY 4.0.",
]


@pytest.mark.parametrize("text", FORBID)
def test_a_ban_on_passing_data_on_is_found(text: str) -> None:
    assert forbidding_sentence(f"# Data\n\nSome data. They are nice.\n\n{text}\n\nEnjoy.") is not None


@pytest.mark.parametrize("text", PERMIT)
def test_other_terms_are_no_ban(text: str) -> None:
    assert forbidding_sentence(f"# Data\n\nSome data. They are nice.\n\n{text}\n\nEnjoy.") is None


def test_the_sentence_is_told() -> None:
    text = "Some data from the H.E.S.S. Collaboration. The files may not be redistributed. Enjoy."
    assert forbidding_sentence(text) == "The files may not be redistributed."
